"""Named positions: `magray backup mark NAME` now, `magray restore --name NAME` later."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from jobs.backup.archiving import wait_until_archived
from service.core.database import connect
from service.core.errors import MissingError, NotRestorableError
from service.core.memory import Backups

if TYPE_CHECKING:
    from jobs.backup.catalogue import Catalogue
    from jobs.backup.repository import Repository
    from service.core.backend import Database

_FOLDER = "marks"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A named position; `at` is the server's clock."""

    name: str
    system: str
    timeline: int
    lsn: str
    at: datetime


async def make_mark(repository: Repository, database: Database, name: str) -> Mark:
    """Mark this moment.

    Raises:
        NotRestorableError: the name is taken: it must mean one moment.
    """
    if not name or len(name) > 60 or any(ord(char) < 32 for char in name):
        raise NotRestorableError("a mark's name has 1 to 60 printable characters")
    async with connect(database.url) as connection:
        backups = Backups(connection)
        system = (await backups.facts()).system
        path = _path(system, name)
        if repository.local.exists(path):
            raise NotRestorableError(
                f"there is a mark “{name}” already", hint="choose another name"
            )
        told = await backups.mark(name)
        mark = Mark(name=name, **msgspec.structs.asdict(told))
        data = msgspec.json.encode(mark)
        if not repository.local.put(path, data, create=True):
            raise NotRestorableError(
                f"there is a mark “{name}” already", hint="choose another name"
            )
        if repository.cloud is not None:
            repository.cloud.put(path, data)
    await close_window(repository, database.url)
    return mark


async def close_window(repository: Repository, url: str) -> None:
    """Bring everything up to this moment into the archive, so that it can be restored.

    On an idle database nothing is committed after a target, and WAL alone cannot tell whether
    something was: so something is, which changes nothing.

    Raises:
        TimedOutError: WAL is not archived.
    """
    async with connect(url) as connection:
        backups = Backups(connection)
        facts = await backups.facts()
        if facts.in_recovery or facts.archive_mode == "off":
            return
        await backups.heartbeat()
        name = await backups.switch_wal()
        is_there = partial(repository.is_archived, facts.system, name)
        seconds = repository.settings.archive_wait_seconds
        await wait_until_archived(is_there, backups, name, seconds)


def list_marks(repository: Repository, system: str) -> list[Mark]:
    """Every mark of a cluster, oldest first."""
    found: dict[str, Mark] = {}
    for tier in repository.tiers:
        for entry in list(tier.entries(f"{_FOLDER}/{system}")):
            try:
                mark = msgspec.json.decode(tier.get(entry.path), type=Mark)
            except (msgspec.MsgspecError, MissingError):
                continue
            found.setdefault(mark.name, mark)
    return sorted(found.values(), key=lambda mark: mark.at)


def find_mark(repository: Repository, known: Catalogue, system: str, name: str) -> Mark:
    """A mark by name, a backup's witness included.

    Raises:
        NotRestorableError: there is none.
    """
    marks = list_marks(repository, system)
    for mark in marks:
        if mark.name == name:
            return mark
    for one in known.backups:
        made = one.manifest
        if made.witness is not None and made.witness.name == name and made.system == system:
            return Mark(
                name=name,
                system=system,
                timeline=made.timeline,
                lsn=made.witness.lsn,
                at=made.stopped_at,
            )
    raise NotRestorableError(
        f"there is no mark “{name}”",
        detail=f"There are: {', '.join(mark.name for mark in marks) or 'none'}.",
        hint="magray backup list --marks",
    )


def _taken(name: str) -> NotRestorableError:
    return NotRestorableError(f"there is a mark “{name}” already", hint="choose another name")


def _path(system: str, name: str) -> str:
    return f"{_FOLDER}/{system}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
