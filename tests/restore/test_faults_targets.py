"""Targets that are unclear, out of reach, or in somebody's way."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
import pytest

from jobs.backup.marks import make_mark
from jobs.backup.plan import make_plan, preflight
from jobs.backup.release import release
from jobs.backup.target import Target, parse_instant, parse_target
from jobs.backup.windows import windows_of
from service.core.embedded import EmbeddedServer
from service.core.errors import MissingError, NotRestorableError, TargetInUseError
from tests.restore.places import MEMORY, Place, restore_into, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.restore.places import Chain


def test_fault_20_a_target_before_the_first_backup(chain: Chain) -> None:
    """Refused, with the first instant that works."""
    (window,) = windows_of(chain.repository, chain.repository.catalogue())
    with pytest.raises(NotRestorableError) as error:
        chain.restore(window.since - timedelta(seconds=5))
    assert window.since.isoformat().replace("+00:00", "Z") in error.value.hint
    assert not (chain.folder / "restored").exists()


def test_fault_21_two_commits_in_the_same_millisecond(make_place: Callable[..., Place]) -> None:
    """Inclusive takes the commit of that very microsecond, exclusive does not."""
    place = make_place()
    place.take("full")
    place.sql("create table pairs (n int, at timestamptz)")
    with psycopg.connect(place.server.url(), autocommit=True) as connection:
        for number in range(40):
            connection.execute("insert into pairs values (%s, clock_timestamp())", (number,))
    place.close_window()
    known = place.repository.catalogue()
    commits = _commits(place, known.backups[0].manifest.start_lsn)
    close = min(pairwise(commits), key=lambda pair: pair[1] - pair[0])
    assert close[1] - close[0] < timedelta(milliseconds=1)
    for inclusive in (True, False):
        into = place.folder / f"to-{inclusive}"
        target = Target(at=close[0], inclusive=inclusive)
        told = restore_into(place.repository, target, into, place.folder)
        assert told.reached == (close[0] if inclusive else commits[commits.index(close[0]) - 1])


def _commits(place: Place, start: str) -> list[datetime]:
    """Times of all commits after the backup, as WAL has them."""
    from jobs.backup.replay import Reader
    from jobs.backup.wal import parse_lsn

    repository = place.repository
    (system,) = {int(one.manifest.system) for one in repository.catalogue().backups}
    scratch = place.folder / "commits"
    reader = Reader(
        repository,
        repository.wal.listing(system),
        1,
        {},
        parse_lsn(start),
        1 << 24,
        scratch / "wal",
        scratch / "scan",
        lambda _done, _total: None,
    )
    return [event.at for event in reader.events() if event.at is not None]


def test_fault_22_an_idle_database(make_place: Callable[..., Place]) -> None:
    """No commit comes after the target; it is satisfied all the same, for the live one is asked."""
    place = make_place()
    place.write(3)
    place.take("full")
    place.write(3)
    at = place.instant()
    place.close_window()
    told = place.restore(at)
    assert told.reached is not None
    assert told.reached <= at
    assert state_of(place.folder / "restored", place.folder) == place.ledger.at(at)


def test_fault_23_a_target_inside_a_running_backup(chain: Chain) -> None:
    """The backup that was under way then is not used: the one before it is."""
    known = chain.repository.catalogue()
    inside = known.get(chain.ids[1]).manifest
    at = inside.started_at + (inside.stopped_at - inside.started_at) / 2
    plan = make_plan(chain.repository, Target(at=at), None, None)
    assert [one.id for one in plan.chain] == chain.ids[:1]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T10:00:00",
        "2026-11-20 10:00",
        "2026-11-20",
        "2026-11-01T01:30:00 America/New_York",  # twice in the night the clocks go back
        "10:00Z",
        "yesterday",
        "",
    ],
)
def test_fault_24_an_instant_without_a_zone(text: str) -> None:
    with pytest.raises(NotRestorableError) as error:
        parse_instant(text)
    assert "Z" in error.value.hint


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:00:00Z", "2026-11-20T12:00:00+02:00", "2026-11-20 05:00:00-05:00"]
)
def test_fault_24_an_instant_with_a_zone_is_the_same_everywhere(text: str) -> None:
    assert parse_instant(text) == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", [{}, {"to": "2026-11-20T10:00Z", "latest": True}, {"name": "a", "lsn": "0/1"}]
)
def test_exactly_one_target(given: dict[str, str]) -> None:
    with pytest.raises(NotRestorableError):
        parse_target(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("holds", ["file", "cluster", "running", "itself"])
def test_fault_25_a_directory_that_is_in_use(chain: Chain, folder: Path, holds: str) -> None:
    """Refused before anything is read, and nothing in it is touched."""
    into = folder / "into"
    if holds == "itself":
        into.write_text("mine")
    else:
        name = {"file": "notes", "cluster": "PG_VERSION", "running": "pg/postmaster.pid"}[holds]
        (into / name).parent.mkdir(parents=True)
        (into / name).write_text("mine")
    before = sorted(into.rglob("*"))
    with pytest.raises(TargetInUseError):
        restore_into(chain.repository, chain.instants[0], into, folder)
    assert sorted(into.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_fault_25_a_directory_of_somebody_else(chain: Chain, folder: Path) -> None:
    """Refused though it is empty, and left as it is."""
    into = folder / "theirs"
    into.mkdir(mode=0o700)
    os.chown(into, 12345, 12345)
    with pytest.raises(TargetInUseError) as error:
        restore_into(chain.repository, chain.instants[0], into, folder)
    assert "another user" in error.value.message
    assert list(into.iterdir()) == []
    assert into.stat().st_uid == 12345


def test_fault_25_an_empty_directory_is_fine_and_stays_when_it_fails(
    chain: Chain, folder: Path
) -> None:
    into = folder / "empty"
    into.mkdir()
    with pytest.raises(NotRestorableError):
        restore_into(chain.repository, datetime(2030, 1, 1, tzinfo=UTC), into, folder)
    assert list(into.iterdir()) == []


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_fault_26_branches_of_history(make_place: Callable[..., Place]) -> None:
    """Restore twice, write on, then go back to a point on the first timeline."""
    place = make_place()
    place.write(3)
    place.take("full")
    place.write(3)
    first = place.instant()
    place.write(3)
    place.close_window()
    wanted = place.ledger.at(first)
    place.end()

    branches = []
    for name in ("second", "third"):
        told = place.restore(first, into=name)
        branches.append(told.timeline)
        branch = Place(place.folder, data=place.folder / name, **_shared(place))
        asyncio.run(release(place.folder / name, branch.server))
        branch.server = branch.new_server()
        branch.server.start()
        manifest = branch.take("incremental")
        assert manifest.kind == "full", "the first backup on a new timeline"
        assert "timeline" in manifest.reason
        assert manifest.timeline == told.timeline
        branch.write(2)
        branch.close_window()
        branch.end()
    assert branches == [2, 3]

    windows = windows_of(place.repository, place.repository.catalogue())
    assert [window.timeline for window in windows] == [1, 2, 3]
    told = place.restore(first, into="again")
    assert (told.from_timeline, told.timeline) == (1, 4)
    assert told.layers["interact"][0] == str(len(wanted))


def _shared(place: Place) -> dict[str, object]:
    """A branch backs up into the repository of the first, and archives beside it."""
    return {
        "directory": place.server.home / "repository",
        "wal_directory": place.server.home / "wal-archive",
    }


def test_fault_29_a_clone_runs_no_jobs_and_archives_nowhere(chain: Chain, folder: Path) -> None:
    """Until it is released: whatever its configuration files say."""
    into = folder / "restored"
    restore_into(chain.repository, chain.instants[0], into, folder)
    auto = into / "pg" / "postgresql.auto.conf"
    with auto.open("a") as file:
        file.write("archive_mode = 'on'\narchive_command = 'false'\n")
    server = EmbeddedServer(into, memory=MEMORY, durable=False, system_dir=folder / "system")
    asked = (
        "select current_setting('archive_mode'), current_setting('cron.launch_active_jobs'),"
        " (select value from memory_data.setting where key = 'jobs_enabled')::text"
    )
    assert _ask(server, asked) == ("off", "off", "false")
    asyncio.run(release(into, server))
    after = asked.replace("current_setting('cron.launch_active_jobs')", "''")
    assert _ask(server, after) == ("on", "", "true")
    with pytest.raises(NotRestorableError):
        asyncio.run(release(into, server))


def _ask(server: EmbeddedServer, statement: str) -> tuple[str, ...]:
    server.start()
    try:
        with psycopg.connect(server.url()) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
            assert row
            return tuple(row)
    finally:
        server.stop(force=True)


def test_fault_48_programs_that_lack_an_extension(copy: Chain) -> None:
    """Refused before anything is read, with the list."""
    one = copy.repository.catalogue().get(copy.ids[0])
    one.manifest.server["extensions"]["pg_nowhere"] = "1.0"
    one.manifest.server["preload"] = "pg_cron"
    with pytest.raises(MissingError) as error:
        preflight(copy.repository, one)
    assert "pg_cron, pg_nowhere" in error.value.detail


def test_a_mark_and_a_position(make_place: Callable[..., Place]) -> None:
    """By name and by LSN: the same moment; a name means one moment only."""
    place = make_place()
    place.write(2)
    place.take("full")
    place.write(2)
    mark = asyncio.run(make_mark(place.repository, place.database, "before the import"))
    wanted = place.state()
    place.write(2)
    place.close_window()
    with pytest.raises(NotRestorableError):
        asyncio.run(make_mark(place.repository, place.database, "before the import"))
    by_name = place.restore(Target(name="before the import"), into="by-name")
    by_lsn = place.restore(parse_target(lsn=mark.lsn), into="by-lsn")
    assert by_name.layers == by_lsn.layers
    assert by_name.layers["interact"][0] == str(len(wanted))
    with pytest.raises(NotRestorableError) as error:
        place.restore(Target(name="no such"), into="never")
    assert "before the import" in error.value.detail
    note = json.loads((place.folder / "by-name" / "restored.json").read_text())
    assert note["state"] == "restored"
    shutil.rmtree(place.folder / "by-name")
