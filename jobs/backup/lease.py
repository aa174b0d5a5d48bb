"""Who works on a repository: one backup at a time, and restores whose backups stay.

A lease is an object that exists once. It says until when it is meant; a holder that lives renews
it, one that died on this machine is known to be dead at once.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import psutil

from service.core.errors import BackupError, BusyError, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobs.storage.tier import Storage

_LIFE = timedelta(minutes=10)
_RENEW = 60.0  # seconds
_FOLDER = "leases"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease object says.

    Attributes:
        holder: machine, process, and when that process began.
        until: it is void afterwards.
        backups: what a restore reads.
    """

    token: str
    host: str
    pid: int
    began: float
    until: datetime
    backups: list[str]

    @property
    def void(self) -> bool:
        """Whether its holder is gone."""
        if datetime.now(UTC) > self.until:
            return True
        if self.host != socket.gethostname():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.began) > 2
        except psutil.NoSuchProcess:
            return True


@contextmanager
def exclusive(storage: Storage, name: str) -> Iterator[None]:
    """Hold the lease `name` for the length of a block.

    Raises:
        BusyError: somebody else holds it.
    """
    path = f"{_FOLDER}/{name}.json"
    for _ in range(3):
        mine = _make(())
        if storage.put(path, msgspec.json.encode(mine), create=True):
            break
        found = _read(storage, path)
        if found is not None and not found.void:
            raise BusyError(
                f"another {name} is under way",
                detail=f"Process {found.pid} on {found.host}, until {found.until:%H:%M:%S} UTC.",
                hint="wait for it, or end it; its lease is void when it is gone",
            )
        storage.delete([path])
    else:
        raise BusyError(f"another {name} began at the same moment", hint="try again")
    with _renewed(storage, path, mine):
        yield


@contextmanager
def reading(storage: Storage, backups: Sequence[str]) -> Iterator[None]:
    """Keep backups from being pruned for the length of a block."""
    path = f"{_FOLDER}/restore-{uuid.uuid4()}.json"
    mine = _make(backups)
    storage.put(path, msgspec.json.encode(mine))
    with _renewed(storage, path, mine):
        yield


def being_read(storage: Storage) -> set[str]:
    """Backups that restores under way read."""
    found: set[str] = set()
    for entry in list(storage.entries(_FOLDER)):
        if "/restore-" in entry.path:
            lease = _read(storage, entry.path)
            if lease is None or lease.void:
                storage.delete([entry.path])
            else:
                found.update(lease.backups)
    return found


def _make(backups: Sequence[str]) -> Lease:
    me = psutil.Process()
    return Lease(
        token=uuid.uuid4().hex, host=socket.gethostname(), pid=os.getpid(),
        began=me.create_time(), until=datetime.now(UTC) + _LIFE, backups=list(backups),
    )  # fmt: skip


def _read(storage: Storage, path: str) -> Lease | None:
    try:
        return msgspec.json.decode(storage.get(path), type=Lease)
    except (MissingError, msgspec.MsgspecError):
        return None


@contextmanager
def _renewed(storage: Storage, path: str, mine: Lease) -> Iterator[None]:
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(_RENEW):
            fresh = msgspec.structs.replace(mine, until=datetime.now(UTC) + _LIFE)
            try:
                storage.put(path, msgspec.json.encode(fresh))
            except BackupError:  # the next minute tries again; the lease lives for ten
                continue

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        found = _read(storage, path)
        if found is None or found.token == mine.token:
            storage.delete([path])
