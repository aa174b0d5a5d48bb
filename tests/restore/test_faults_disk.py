"""Disks that are full: of the archive, of the WAL, of the data, of the backups.

Each is a small file system of its own, mounted where that part of the cluster lies.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from service.core.database import connect
from service.core.errors import TierError
from service.core.memory import Operator
from tests.api.running import problem, running
from tests.restore.places import NAMESPACE, Place, line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx2

MB = 1 << 20
FULL = "53100"  # disk_full


@contextmanager
def small_disk(at: Path, megabytes: int, owner: Path) -> Iterator[Path]:
    """A file system of its own at a directory; what lies there already moves onto it.

    Args:
        at: the directory; made if need be.
        megabytes: how much fits.
        owner: whose owner and mode it gets.
    """
    before = at.with_name(at.name + ".before")
    if at.exists():
        at.rename(before)
    at.mkdir()
    told = owner.stat() if owner != at else before.stat()
    options = f"size={megabytes}m,mode={told.st_mode & 0o777:o},uid={told.st_uid},gid={told.st_gid}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], check=False, capture_output=True
    )
    if done.returncode != 0:
        pytest.skip("needs root: a file system of its own")
    try:
        if before.exists():
            subprocess.run(["cp", "-a", f"{before}/.", str(at)], check=True)
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def enlarge(at: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(at)], check=True)


@contextmanager
def no_room(at: Path) -> Iterator[None]:
    """Somebody else's file takes all that is left."""
    ballast = at / "ballast"
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], check=False, capture_output=True
    )
    assert shutil.disk_usage(at).free == 0
    yield
    ballast.unlink()


@pytest.fixture
def based(make_place: Callable[..., Place]) -> Place:
    place = make_place()
    place.write(5)
    place.take("full")
    place.write(3)
    return place


def segments_waiting(place: Place) -> int:
    statement = "select count(*) from pg_ls_archive_statusdir() as f where f.name like '%.ready'"
    return int(place.sql(statement)[0][0])


def fill_wal(place: Place, megabytes: int) -> None:
    for _ in range(megabytes):
        place.sql("select pg_logical_emit_message(true, 'fill', %s)", ("x" * MB,))


@pytest.mark.full
def test_fault_16_the_disk_of_the_archive_is_full(based: Place) -> None:
    """Writes go on, the backlog shows; with room again it drains to nothing, and all is there."""
    archive = based.server.wal_archive
    with small_disk(archive, 4, archive), no_room(archive):
        for _ in range(3):
            based.write(2)
            fill_wal(based, 1)
            based.sql("select pg_switch_wal()")
        deadline = time.monotonic() + 120
        while line_of(based, "archiving").ok:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "No space left" in based.server.log_file.read_text()
        ((failing, segment, known, last),) = based.sql(
            "select k.value, k.label, (select extract(epoch from now() - min(f.modification))"
            " from pg_ls_archive_statusdir() as f where f.name like '%.ready'),"
            " a.last_failed_wal from pg_stat_archiver as a, memory.kpis() as k"
            " where k.kpi = 'wal_archive_failing'"
        )
        assert 0 < failing == pytest.approx(float(known))
        assert segment == last
        assert not list(archive.rglob("*.part*"))
        assert segments_waiting(based) >= 3
        based.write(2)
        enlarge(archive, 200)
        while segments_waiting(based):
            assert time.monotonic() < deadline + 120
            time.sleep(0.2)
        assert line_of(based, "archiving").ok
        ((failing,),) = based.sql(
            "select value from memory.kpis() where kpi = 'wal_archive_failing'"
        )
        assert failing == 0
        assert based.take("incremental").kind == "incremental"
        at = based.instant()
        based.close_window()
        told = based.restore(at)
        assert told.layers["interact"][0] == str(len(based.ledger.at(at)))


@pytest.mark.full
def test_fault_17_the_disk_of_the_wal_is_full(based: Place) -> None:
    """PostgreSQL gives up; clients get 503; with room again nothing acknowledged is lost."""
    based.server.stop()
    pg_wal = based.server.pgdata / "pg_wal"
    with small_disk(pg_wal, 100, pg_wal):
        based.server = based.new_server(durable=True, options={"archive_command": "false"})
        based.server.start()
        asyncio.run(_fill_under_service(based))
        enlarge(pg_wal, 400)
        based.server.stop("immediate", force=True)
        based.server = based.new_server()
        based.server.start()
        assert based.state().items() >= based.ledger.at(based.instant()).items()
        based.write(2)
        deadline = time.monotonic() + 120
        while segments_waiting(based):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        at = based.instant()
        based.close_window()
        based.restore(at)
        based.server.stop()


def _write_on(place: Place) -> None:
    for _ in range(200):
        place.write(1)
        fill_wal(place, 2)


async def _fill_under_service(place: Place) -> None:
    """Write until PostgreSQL is gone; the service says so, and is alive."""
    async with running(place.server.url()) as service:
        service.backend.pool.timeout = 0.5
        client = service.client(await service.key())

        async def ask() -> httpx2.Response:
            memory = {"namespace": NAMESPACE, "content": "over HTTP"}
            return await client.post("/v1/memories", json={"memories": [memory]})

        assert (await ask()).status_code < 300
        with pytest.raises(psycopg.OperationalError):
            await asyncio.to_thread(_write_on, place)
        assert "No space left" in place.server.log_file.read_text()
        problem(await ask(), 503)
        assert (await service.http.get("/health/live")).status_code == 200


@pytest.mark.full
def test_fault_18_the_disk_of_the_data_is_full(based: Place) -> None:
    """Promotion, new partitions, an index: undone without a trace, and done once there is room."""
    based.sql(
        "select memory.remember_many('crowd',"
        " (select jsonb_agg(jsonb_build_object('content', 'crowd ' || n, 'kind', 'session_data')"
        "  order by n) from generate_series(1, 1000) as n),"
        " (select array_agg(array[sin(n), cos(n), sin(2 * n), cos(2 * n), sin(3 * n), cos(3 * n),"
        "  sin(5 * n), cos(5 * n)]::real[]::public.halfvec order by n)"
        "  from generate_series(1, 1000) as n))"
    )
    based.sql(
        "insert into memory_data.usage (namespace, id, access_count, first_access, last_access,"
        " context_relevance) select namespace, id, 50, now(), now() + '1 hour', 1"
        " from memory_data.interact where namespace = 'crowd'"
    )
    based.sql("update memory_data.promotion_rule set threshold = -1")
    based.sql("update memory_data.layer set index_rows = 1000")
    based.sql("update memory_data.setting set value = '100' where key = 'exact_rows'")
    based.sql("analyze")
    based.sql("checkpoint")
    based.server.stop()
    base = based.server.pgdata / "base"
    used = sum(path.stat().st_size for path in base.rglob("*")) // MB
    with small_disk(base, used + 8, base):
        based.server.start()
        before = _shape(based)
        with no_room(base):
            for work in (_promote, _make_partitions, _build_indexes):
                assert _attempt(based, work) == FULL, work.__name__
                assert _shape(based) == before, work.__name__
        enlarge(base, used + 200)
        for work in (_promote, _make_partitions, _build_indexes):
            assert _attempt(based, work) is None, work.__name__
        moved = based.sql("select count(*) from memory_data.insights where namespace = 'crowd'")
        assert moved == [(1000,)]
        assert not based.sql("select from pg_index where not indisvalid")
        based.server.run("pg_amcheck", ["--heapallindexed", based.server.url()])
        based.server.stop()


def _attempt(place: Place, work: Callable[[Place], object]) -> object:
    """The SQLSTATE it fails with, told or raised; None when it succeeds."""
    try:
        return work(place)
    except psycopg.errors.DiskFull as error:
        return error.sqlstate


def _promote(place: Place) -> object:
    return place.sql("select sqlstate from memory.run_job('promote')")[0][0]


def _make_partitions(place: Place) -> None:
    """Those of the far future, for which there are none yet."""
    place.sql("select memory.make_partitions(now() + '300 days')")


def _build_indexes(place: Place) -> None:
    async def build() -> None:
        async with connect(place.server.url(), role="memory_owner") as connection:
            await Operator(connection).build_indexes()

    asyncio.run(build())


def _shape(place: Place) -> list[tuple[object, ...]]:
    """Every relation of the layers that counts, and how many memories each holds."""
    return place.sql(
        "select c.relname, (select count(*) from memory._memories as m where m.layer = c.relname)"
        " from pg_class as c left join pg_index as i on i.indexrelid = c.oid"
        " where c.relnamespace = 'memory_data'::regnamespace and coalesce(i.indisvalid, true)"
        " order by c.relname"
    )


def test_fault_19_the_disk_of_the_backups_is_full(based: Place) -> None:
    """A typed error, the partial removed, the chain before whole."""
    before = [one.id for one in based.repository.catalogue().backups]
    size = sum(p.stat().st_size for p in (based.server.home / "repository").rglob("*"))
    small = based.folder / "small"
    with small_disk(small, 2, based.folder):
        cramped = Place(based.folder, directory=small / "repository")
        cramped.server = based.server
        with pytest.raises(TierError):
            cramped.take("full")
        assert cramped.repository.catalogue().backups == []
        assert cramped.repository.catalogue().incomplete == {}
    assert size > 2 * MB
    assert [one.id for one in based.repository.catalogue().backups] == before
    assert based.take("incremental").kind == "incremental"
