"""The folders of backups in a tier: their names, and removing them whole."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from jobs.backup.catalogue import FOLDER

if TYPE_CHECKING:
    from jobs.backup.catalogue import Catalogue
    from jobs.storage.tier import Storage

log = structlog.get_logger("magray.backup")


def new_id(kind: str, known: Catalogue, now: datetime) -> str:
    """A name that sorts after every earlier one, whatever the clock does."""
    taken = [one.id for one in known.backups] + list(known.incomplete)
    newest = max(taken, default="")
    at = now.astimezone(UTC).replace(microsecond=0)
    while (made := f"{at:%Y%m%dT%H%M%SZ}-{kind}")[:16] <= newest[:16]:
        with suppress(ValueError):
            at = max(at, datetime.strptime(newest[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
        at += timedelta(seconds=1)
    return made


def remove_incomplete(known: Catalogue, tier: Storage) -> list[str]:
    """Remove folders of backups that were never completed; those with a manifest stay."""
    removed = []
    for backup_id, (_, place) in known.incomplete.items():
        folder = f"{FOLDER}/{backup_id}"
        if place is tier and not tier.exists(f"{folder}/manifest.json"):
            remove_folder(tier, folder)
            removed.append(backup_id)
            log.warning("incomplete backup removed", id=backup_id, tier=tier.name)
    return removed


def remove_folder(tier: Storage, folder: str) -> None:
    """Delete a backup's objects, its manifest first: half of it must not look like one."""
    paths = sorted(
        (entry.path for entry in tier.entries(folder)),
        key=lambda path: not path.endswith("/manifest.json"),
    )
    tier.delete(paths)
