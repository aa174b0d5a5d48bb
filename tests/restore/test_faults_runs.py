"""Runs that are killed, starved or hindered: nothing half-done looks like a backup."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from msgspec import structs

from jobs.backup import locks
from jobs.backup.take import take
from service.core.database import connect
from service.core.errors import BackupError, BusyError, MismatchError, TimedOutError, ToolError
from service.core.memory import Backups
from tests.restore.places import Place, line_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.backup.repository import Repository
    from service.core.model.backups import ServerFacts

_SERVICE = """
import asyncio, sys
from pathlib import Path
from tests.restore.places import Place
from jobs.backup.take import take
place = Place(Path(sys.argv[1]), bin_dir=sys.argv[2])
print("begins", flush=True)
asyncio.run(take(place.repository, place.database, "full", why="test"))
"""


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    made = make_place()
    made.write(5)
    return made


def programs(place: Place, script: str) -> Path:
    """PostgreSQL's programs, but pg_basebackup is a script; {real} is the real one."""
    folder = place.folder / "programs"
    folder.mkdir(exist_ok=True)
    for path in place.server.bin_dir.iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    shim = folder / "pg_basebackup"
    shim.unlink()
    shim.write_text(script.format(real=place.server.bin_dir / "pg_basebackup"))
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


def hindered(place: Place, script: str, **settings: object) -> Place:
    """The same cluster, backed up by a pg_basebackup that behaves badly."""
    other = Place(place.folder, bin_dir=programs(place, script), **settings)
    other.server = place.server
    return other


KILLED = '#!/bin/sh\n{real} "$@" | head -c 3000000\nkill -9 $$\n'
SLOW = '#!/bin/sh\n{real} "$@" | (head -c 3000000; sleep 600)\n'


def folders(place: Place) -> list[str]:
    found = place.server.home / "repository" / "backups"
    return sorted(path.name for path in found.iterdir()) if found.is_dir() else []


def ids(repository: Repository) -> list[str]:
    return [one.id for one in repository.catalogue().backups]


def test_fault_01_pg_basebackup_killed_in_the_middle(place: Place) -> None:
    """The run fails, nothing stays, nothing may build on it, and the next run succeeds."""
    with pytest.raises(BackupError):
        hindered(place, KILLED).take("full")
    assert folders(place) == []
    made = place.take("incremental")
    assert made.kind == "full"
    assert "no backup to build on" in made.reason
    assert ids(place.repository) == [made.id]


def test_fault_02_the_service_killed_in_the_middle(place: Place) -> None:
    """Its half backup is never seen as one, its lock is free at once, the next run tidies up."""
    folder = programs(place, SLOW)
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVICE, str(place.folder), str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    locks = place.server.home / "repository" / "locks"
    while not (locks.is_dir() and list(locks.iterdir()) and time.sleep(2) is None):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    with pytest.raises(BusyError):
        place.take("full")
    # a pack that was on its way
    half = place.server.home / "repository" / "backups" / "20200101T000000Z-full"
    half.mkdir(parents=True)
    (half / "pack-00001.zst").write_bytes(b"half")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert half.name in place.repository.catalogue().incomplete
    made = place.take("full")
    assert folders(place) == [made.id]
    assert place.repository.catalogue().incomplete == {}


def test_fault_04_pg_basebackup_stands_still(place: Place) -> None:
    """A typed end after the time it may wait; nothing stays."""
    with pytest.raises(TimedOutError):
        hindered(place, SLOW, archive_wait_seconds=3).take("full")
    assert folders(place) == []


@pytest.fixture
def based(place: Place) -> Place:
    place.take("full")
    place.write(3)
    return place


def test_fault_10_a_wal_summary_is_gone(based: Place) -> None:
    """An incremental is impossible: the same run takes a full, and says why."""
    based.sql("checkpoint")
    time.sleep(1)
    summaries = based.data / "pg" / "pg_wal" / "summaries"
    for path in summaries.iterdir():
        path.unlink()
    made = based.take("incremental")
    assert made.kind == "full"
    assert "summar" in made.reason


def test_fault_11_summaries_switched_off_and_on(based: Place) -> None:
    based.sql("alter system set summarize_wal = off")
    based.sql("select pg_reload_conf()")
    time.sleep(0.5)
    off = based.take("incremental")
    assert (off.kind, "summarize_wal is off" in off.reason) == ("full", True)
    based.sql("select pg_switch_wal()")
    based.sql("checkpoint")
    based.write(2)
    based.sql("alter system reset summarize_wal")
    based.sql("select pg_reload_conf()")
    on = based.take("incremental")
    assert on.kind == "full" or on.parent == off.id
    assert based.take("incremental").kind == "incremental"


def test_fault_16_the_archive_is_away(based: Place) -> None:
    """Writes go on, the backlog shows, a backup ends typed; once it is back everything drains."""
    archive = based.server.wal_archive
    (system,) = archive.iterdir()
    away = system.rename(archive / "away")
    system.write_text("no directory")
    system.chmod(0)
    try:
        based.write(3)
        based.sql("select pg_switch_wal()")
        based.write(2)
        impatient = Place(based.folder, archive_wait_seconds=3)
        impatient.server = based.server
        with pytest.raises(TimedOutError):
            impatient.take("full")
        line = line_of(based, "archiving")
        assert not line.ok
        assert "fails since" in line.detail
    finally:
        system.unlink()
        away.rename(system)
    made = based.take("full")
    assert made.kind == "full"
    deadline = time.monotonic() + 120
    while not line_of(based, "archiving").ok:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert based.state() == based.ledger.at(based.instant())


def test_fault_37_no_time_left(based: Place) -> None:
    """A snapshot at the shutdown ends within its budget, finished or without a trace."""
    before = folders(based)
    began = time.monotonic()
    slow = hindered(based, SLOW)
    with pytest.raises(TimedOutError):
        slow.take("snapshot", budget=2.0)
    assert time.monotonic() - began < 20
    assert folders(based) == before
    made = based.take("snapshot", budget=120.0)
    assert made.kind == "snapshot"
    assert "backup.cloud is not set" in made.reason


def test_fault_30_a_minor_upgrade_between_full_and_incremental(based: Place) -> None:
    facts = asyncio.run(_facts(based))
    known = based.repository.catalogue()
    from jobs.backup.chain import decide_incremental

    def kind(**changed: object) -> tuple[str, str]:
        decided = decide_incremental(
            structs.replace(facts, **changed),
            known.backups,
            True,
            allow_untrusted=True,
            max_chain=14,
        )
        return decided.kind, decided.reason

    assert kind() == ("incremental", "")
    assert kind(version="18.99")[0] == "full"
    assert kind(data_checksums="off")[0] == "full"  # fault 31
    assert kind(timeline=2)[0] == "full"  # fault 28
    assert kind(summary_keep_seconds=0)[0] == "incremental"  # 0 keeps them for ever
    assert "summaries are kept" in kind(summary_keep_seconds=0.001)[1]  # fault 12


def test_incrementals_of_old_servers_are_not_trusted(based: Place) -> None:
    """Below 18.7 a full is taken instead, and says why, unless it is allowed outright."""
    strict = Place(based.folder, allow_untrusted_incremental=False)
    strict.server = based.server
    version = int(based.sql("show server_version_num")[0][0])
    made = strict.take("incremental")
    assert made.kind == ("full" if version < 180007 else "incremental")
    if version < 180007:
        assert "18.7" in made.reason


def test_one_backup_at_a_time(based: Place) -> None:
    with locks.exclusive(based.repository.local, "backup"), pytest.raises(BusyError):
        based.take("full")
    assert based.take("incremental").kind == "incremental"


def test_a_failing_tool_says_what_it_said(based: Place) -> None:
    with pytest.raises(ToolError) as error:
        hindered(based, "#!/bin/sh\necho 'it is raining' >&2\nexit 3\n").take("full")
    assert "it is raining" in error.value.detail


def test_a_held_back_cluster_is_not_backed_up(based: Place) -> None:
    (based.data / "restored.json").write_text('{"state": "restored"}')
    with pytest.raises(MismatchError):
        based.take("full")


async def _facts(place: Place) -> ServerFacts:
    async with connect(place.server.url()) as connection:
        return await Backups(connection).facts()


def test_a_backup_of_a_busy_database_has_a_witness(based: Place) -> None:
    """Writers go on while the layers are counted; what was counted is what comes back."""
    stop = threading.Event()
    counted: list[int] = []

    def writes() -> None:
        with psycopg.connect(based.server.url(), autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("select memory.remember('ann', %s)", (f"busy {len(counted)}",))
                counted.append(1)

    thread = threading.Thread(target=writes)
    thread.start()
    try:
        manifest = asyncio.run(take(based.repository, based.database, "full", why="test"))
    finally:
        stop.set()
        thread.join()
    assert counted
    assert manifest.witness is not None
    based.close_window()
    from jobs.backup.target import Target

    told = based.restore(Target(name=manifest.witness.name))
    assert told.layers == manifest.witness.layers
