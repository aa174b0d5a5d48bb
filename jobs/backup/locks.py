"""Who works on a repository: one backup at a time, and restores whose backups stay.

All are kernel locks (flock) on files of the repository: the kernel frees them when their holder
dies, however it dies, in containers that share a volume and over NFS too. A lock file that somebody
deletes is not made again while anybody works on the repository: each who does holds a shared lock
of its folder, and to make the files takes an exclusive one.
"""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import msgspec

from service.core.errors import BusyError, TierError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jobs.storage.tier import Storage

_FOLDER = "locks"
_NAMES = ("backup", "restore")


@contextmanager
def exclusive(storage: Storage, name: str) -> Iterator[None]:
    """Be the only one to do `name` (backup or restore) for the length of a block.

    Raises:
        BusyError: somebody else does.
        TierError: the lock files cannot be made.
    """
    with ExitStack() as stack:
        with _faults(storage):
            handle = _open(stack, _attend(stack, storage) / f"{name}.lock")
            if not _lock(handle):
                raise BusyError(
                    f"another {name} is under way",
                    detail=os.pread(handle, 300, 0).decode(errors="replace"),
                    hint="wait for it, or end it; its lock is free once it is gone",
                )
            os.truncate(handle, 0)
            os.write(handle, f"Process {os.getpid()} on {socket.gethostname()}.".encode())
        yield


@contextmanager
def reading(storage: Storage, backups: Sequence[str]) -> Iterator[None]:
    """Keep backups from being pruned for the length of a block.

    Raises:
        BusyError: the lock files were deleted while somebody works on the repository.
        TierError: the lock files cannot be made.
    """
    with ExitStack() as stack:
        with _faults(storage):
            path = _attend(stack, storage) / f"{uuid.uuid4()}.reads"
            # locked and written before it has the name that others look for
            draft = path.with_suffix(".draft")
            handle = _open(stack, draft, os.O_CREAT)
            _lock(handle)
            os.write(handle, msgspec.json.encode(list(backups)))
            draft.rename(path)
            stack.callback(path.unlink, missing_ok=True)
        yield


def being_read(storage: Storage) -> set[str]:
    """Backups that restores under way read.

    Raises:
        TierError: the lock files cannot be opened.
    """
    found: set[str] = set()
    with ExitStack() as stack, _faults(storage):
        for path in _root(storage).glob(f"{_FOLDER}/*.reads"):
            try:
                handle = _open(stack, path)
            except FileNotFoundError:  # it ended just now
                continue
            if _lock(handle):  # its restore is gone
                path.unlink(missing_ok=True)
            else:
                found.update(_backups(handle))
    return found


def _root(storage: Storage) -> Path:
    if storage.root is None:
        raise TierError(
            f"the repository {storage.place} is not on a disk, and cannot be locked",
            hint="set backup.directory to a directory",
        )
    return storage.root


def _attend(stack: ExitStack, storage: Storage) -> Path:
    """Work on a repository from now on; returns the folder of its lock files."""
    root = _root(storage)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    top = _open(stack, root, os.O_DIRECTORY, write=False)
    fcntl.flock(top, fcntl.LOCK_SH)
    folder = root / _FOLDER
    files = [folder / f"{name}.lock" for name in _NAMES]
    if not all(path.exists() for path in files):
        if not _lock(top):
            raise BusyError(
                f"lock files are missing in {folder} while somebody works on the repository",
                detail="They are made again when nobody does.",
                hint="try again",
            )
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, root)
        for path in files:
            _open(stack, path, os.O_CREAT)
        fcntl.flock(top, fcntl.LOCK_SH)
    return folder


@contextmanager
def _faults(storage: Storage) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TierError(
            f"the repository {storage.place} cannot be locked",
            detail=str(error),
            hint=f"ls -ld {storage.place} {storage.place}/{_FOLDER}",
        ) from error


def _backups(handle: int) -> list[str]:
    return msgspec.json.decode(os.pread(handle, os.fstat(handle).st_size, 0), type=list[str])


def _open(stack: ExitStack, path: Path, flags: int = 0, *, write: bool = True) -> int:
    handle = os.open(path, flags | (os.O_RDWR if write else os.O_RDONLY), 0o600)
    stack.callback(os.close, handle)
    if flags & os.O_CREAT:
        _give(path, path.parent)
    return handle


def _give(path: Path, like: Path) -> None:
    """What root makes, the owner of the repository can open."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _lock(handle: int) -> bool:
    """Take the lock of an open file; False if somebody else has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
