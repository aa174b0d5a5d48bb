"""The proof, single memories from the past, and what the database shows of it all."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from jobs.backup.bring_back import bring_back
from jobs.backup.catalogue import Catalogue
from jobs.backup.chain import Window
from jobs.backup.drill import drill
from jobs.backup.repository import Repository, open_repository
from jobs.backup.status import beside_the_data, conditions, mirror, summary
from jobs.backup.target import Target
from service.core.errors import BackupError, CheckError
from tests.restore.places import MEMORY, NAMESPACE, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.core.model.operation import Condition
    from tests.restore.places import Chain


def options(folder: Path) -> dict[str, Any]:
    return {"memory": MEMORY, "durable": False, "system_dir": folder / "system"}


def prove(chain: Chain) -> Any:
    return asyncio.run(drill(chain.repository, scratch=chain.folder, **options(chain.folder)))


def test_a_drill_proves_the_newest_chain(copy: Chain) -> None:
    proof = prove(copy)
    newest = copy.repository.catalogue().get(copy.ids[2])
    assert proof.chain == copy.ids
    assert newest.manifest.witness is not None
    assert proof.layers == newest.manifest.witness.layers
    assert proof.proven_until == newest.manifest.stopped_at
    proven = [one.verdict.proven_at for one in copy.repository.catalogue().backups]
    assert None not in proven
    assert summary(copy.repository)["proven_until"] == proven[0]
    assert not list(copy.folder.glob("magray-drill-*"))


def test_a_drill_that_brings_back_something_else_fails(
    copy: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the backup recorded is not what comes back: found, and the backup is out."""
    from jobs.backup import drill as module

    newest = copy.repository.catalogue().get(copy.ids[2])
    assert newest.manifest.witness is not None
    newest.manifest.witness.layers["interact"][1] = "0"
    monkeypatch.setattr(module, "_newest", lambda _: newest)
    with pytest.raises(CheckError):
        prove(copy)
    assert copy.repository.catalogue().get(copy.ids[2]).fault is not None
    assert copy.repository.catalogue().get(copy.ids[1]).fault is None


def test_single_memories_come_back_into_the_live_database(make_place: Callable[..., Place]) -> None:
    place = make_place()
    made = place.write(6)
    place.take("full")
    before = place.instant()
    place.forget(made[:3])
    place.write(2)
    place.close_window()

    def back(ids: list[UUID] | None, *, dry_run: bool = False) -> dict[str, str]:
        rows = asyncio.run(
            bring_back(
                place.repository,
                place.database,
                Target(at=before),
                NAMESPACE,
                ids,
                dry_run=dry_run,
                **options(place.folder),
            )
        )
        return {str(row.id): row.outcome for row in rows}

    assert back([UUID(made[0])]) == {made[0]: "brought back"}
    assert set(place.state()) == {made[0], *place.ledger.at(place.instant())}
    told = back(None)
    assert [told[one] for one in made] == ["lives"] + ["brought back"] * 2 + ["lives"] * 3
    assert set(made) <= set(place.state())


def test_the_database_shows_the_catalogue(make_place: Callable[..., Place]) -> None:
    place = make_place()
    place.write(2)
    assert [one.condition for one in _conditions(place)] == ["backups"]
    full, more = place.take("full"), place.take("incremental")
    asyncio.run(mirror(place.repository, place.database))
    shown = place.sql(
        "select id, kind, chain, restorable, restorable_since = min(stopped_at) over (),"
        " restorable_until >= max(stopped_at) over () from memory.backups"
    )
    assert shown == [
        (more.id, "incremental", full.id, True, True, True),
        (full.id, "full", full.id, True, True, True),
    ]
    lines = {one.condition: one.ok for one in _conditions(place)}
    assert lines == {
        "backups": True,
        "archived WAL": True,
        "archiving": True,
        "verification": True,
        "proof": False,
        "place of backups": False,
    }
    _tell_of_their_place(place)
    shutil.rmtree(place.server.home / "repository" / "backups" / full.id)
    asyncio.run(mirror(place.repository, place.database))
    assert place.sql("select id, restorable from memory.backups") == [(more.id, False)]
    assert not _conditions(place)[0].ok


def _tell_of_their_place(place: Place) -> None:
    """Inside the data directory, also by a link; apart from it, or in a bucket, all is well."""
    home, elsewhere = place.server.home, place.folder / "elsewhere"
    inward, outward = place.folder / "inward", home / "outward"
    inward.symlink_to(home, target_is_directory=True)
    elsewhere.mkdir()
    outward.symlink_to(elsewhere, target_is_directory=True)
    beside = {
        directory: beside_the_data(_repository(place, directory=directory), place.database)
        for directory in (None, home / "deep" / "down", inward / "a", elsewhere, outward)
    }
    assert [told is not None for told in beside.values()] == [True, True, True, False, False]
    bucket = _repository(place, cloud=f"file://{elsewhere}")
    assert beside_the_data(bucket, place.database) is None


def _repository(place: Place, **changes: Any) -> Repository:
    settings = place.settings.model_copy(update=changes)
    return open_repository(settings, place.server.home, place.server.bin_dir)


def _conditions(place: Place) -> list[Condition]:
    return asyncio.run(conditions(place.repository, place.database))


def test_a_window_holds_its_ends() -> None:
    from datetime import UTC, datetime, timedelta

    since = datetime(2026, 11, 20, tzinfo=UTC)
    window = Window("1", 1, since, since + timedelta(hours=1))
    assert window.since in window
    assert window.until in window
    assert window.until + timedelta(microseconds=1) not in window
    with pytest.raises(BackupError):
        Catalogue().get("nothing")
