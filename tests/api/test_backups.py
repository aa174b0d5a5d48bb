"""`/v1/backups` and `/v1/restores`: for admins, as runs that tell how they get on."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jobs.backup.catalogue import Catalogue
from jobs.backup.restore import open_folder
from service.background.backup_rules import Moment, due_at, moment_of
from service.background.backups import BackupKeeper
from service.core.settings import BackupSettings
from tests.api.running import PROBLEM, running
from tests.memory_disk import fast_place
from tests.restore.places import Place, flip, now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from service.core.model.backups import Run
    from tests.api.running import Running

pytestmark = pytest.mark.anyio


async def test_only_admins(service: Running) -> None:
    client = service.client(await service.key(scopes=("read", "write")))
    for method, path in (
        ("GET", "/v1/backups"),
        ("POST", "/v1/backups"),
        ("POST", "/v1/restores"),
        ("POST", "/v1/backups/drill"),
    ):
        answer = await client.request(method, path, json={"into": "x"} if "res" in path else {})
        assert answer.status_code == 403, (method, path)


async def test_nothing_yet(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/v1/backups")
    assert answer.json() == {"backups": [], "runs": []}


async def test_a_service_that_makes_no_backups_says_so(api: httpx2.AsyncClient) -> None:
    """On somebody else's database, without a place for backups."""
    answer = await api.post("/v1/backups", json={"kind": "full"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM
    assert "backup.directory" in answer.json()["hint"]


@pytest.mark.parametrize(
    "body",
    [
        {"into": "x", "to": "2026-11-20T10:00:00"},
        {"into": "x"},
        {"into": "x", "latest": True, "name": "a"},
        {"into": "x", "lsn": "zero"},
    ],
)
async def test_an_unclear_target_is_refused(api: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    answer = await api.post("/v1/restores", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "MLB44"


@pytest.mark.parametrize("into", ["../../etc", "/tmp/x", "", "a/b", ".hidden"])
async def test_a_restore_stays_in_its_folder(api: httpx2.AsyncClient, into: str) -> None:
    answer = await api.post("/v1/restores", json={"into": into, "latest": True})
    assert answer.status_code == 400


async def test_there_is_no_such_run(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/v1/backups/runs/01a21638-390a-7c1e-9449-df916f3c5af5")
    assert (answer.status_code, answer.json()["code"]) == (404, "ML404")


@asynccontextmanager
async def keeping(**more: Any) -> AsyncIterator[tuple[Place, BackupKeeper]]:
    """The keeper of a service on a cluster of the test's own."""
    folder = open_folder("magray-api-", fast_place())
    place = Place(folder / "live", **more)
    await asyncio.to_thread(place.start)
    try:
        async with running(place.server.url()) as service:
            database = replace(service.backend.database, server=place.server)
            settings = service.backend.settings.model_copy(
                update={"backup": place.settings, "data_dir": folder / "live"}
            )
            keeper = BackupKeeper(replace(service.backend, database=database, settings=settings))
            yield place, keeper
            await keeper.close()
    finally:
        place.end()
        shutil.rmtree(folder)


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_a_backup_by_the_service() -> None:
    """Taken and verified beside a running service, each followed to its end."""
    async with keeping() as (_, keeper):
        run = await keeper.begin("backup", {"kind": "full"})
        made = await _end(keeper, run)
        assert made.state == "done", made
        listed = await keeper.backups()
        assert [row.id for row in listed] == [made.result["id"]]
        checked = await _end(keeper, await keeper.begin("verify", {"id": listed[0].id}))
        assert checked.result["findings"][0]["ok"]
        run = await keeper.begin("backup", {"kind": "full"})
        assert (await _end(keeper, run, patience=0)).state == "running"
        await keeper.close()
        (ended,) = await keeper.runs(run)
        assert (ended.state, ended.error["code"]) == ("failed", "ML503")


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_fault_37_a_snapshot_at_the_shutdown() -> None:
    """Taken within its budget, or given up without a trace; the run says which."""
    async with keeping(snapshot_on_shutdown=True, shutdown_seconds=300) as (place, keeper):
        await asyncio.to_thread(place.write, 3)
        await keeper.close()
        (run,) = await keeper.runs()
        assert (run.state, run.result["kind"]) == ("done", "snapshot")
        kept = [one.id for one in place.repository.catalogue().backups]
        assert kept == [run.result["id"]]

        keeper._settings = place.settings.model_copy(update={"shutdown_seconds": 0.5})
        await keeper.close()
        run = (await keeper.runs())[0]
        assert (run.state, run.request["why"]) == ("failed", "shutdown")
        known = place.repository.catalogue()
        assert ([one.id for one in known.backups], known.incomplete) == (kept, {})
        keeper._settings = BackupSettings()


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_memory_pressure_becomes_a_backup_in_the_cold_archive(tmp_path: Path) -> None:
    """Measured by the job, seen by the service a minute later, once: whatever the level is then."""
    cold = tmp_path / "cold"
    cold.mkdir()
    async with keeping(cold=f"file://{cold}", cold_options={}) as (place, keeper):
        await asyncio.to_thread(place.write, 3)
        await asyncio.to_thread(place.take, "full")
        await keeper._look()
        assert await keeper.runs() == []
        place.sql("alter table memory_data.layer drop constraint layer_budget_of_an_empty_layer")
        place.sql("update memory_data.layer set max_bytes = 1000 where name = 'interact'")
        place.sql("select * from memory.run_job('pressure')")
        place.sql("update memory_data.layer set max_bytes = 1 << 30 where name = 'interact'")
        place.sql("select * from memory.run_job('pressure')")
        assert place.sql("select distinct level from memory_data.pressure") == [("low",)]
        await keeper._look()
        (run,) = await keeper.runs()
        assert (run.state, run.request["kind"]) == ("done", "compressed"), run
        assert run.result["reason"] == "due: compressed"
        job = "select runner, error, duration > '0', next_due from memory.jobs"
        assert place.sql(f"{job} where name = 'backup_compressed'") == [
            ("service", None, True, None)
        ]
        ((full_due,),) = place.sql("select next_due from memory.jobs where name = 'backup_full'")
        assert timedelta(hours=23) < full_due - now() < timedelta(hours=24)
        assert (cold / "backups" / run.result["id"] / "manifest.json").is_file()
        await keeper._look()
        assert len(await keeper.runs()) == 1


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_the_service_reads_and_proves_by_itself() -> None:
    """What was not read for long is read, what is damaged is found; the newest chain is proved."""
    async with keeping(verify_days=1e-9, drill_days=0) as (place, keeper):
        await asyncio.to_thread(place.write, 3)
        made = await asyncio.to_thread(place.take, "full")
        await keeper._look()
        (run,) = await keeper.runs()
        assert (run.action, run.state) == ("verify", "done")
        assert all(one["ok"] for one in run.result["findings"])
        await keeper._look()
        assert len(await keeper.runs()) == 1  # a while has to pass
        due = "select next_due - last_start > '10 minutes' from memory.jobs"
        assert place.sql(f"{due} where name = 'backup_verify'") == [(True,)]

        pack = place.server.home / "repository" / "backups" / made.id / "pack-00001.zst"
        flip(pack, pack.stat().st_size // 2)
        keeper._paused.clear()
        await keeper._look()
        found = (await keeper.runs())[0].result["findings"]
        assert [one["what"] for one in found if not one["ok"]] == [made.id]
        assert (await keeper.backups())[0].fault is not None


async def _end(keeper: BackupKeeper, run: Any, patience: float = 300) -> Run:
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        (row,) = await keeper.runs(run)
        if row.state != "running" or asyncio.get_running_loop().time() >= deadline:
            return row
        await asyncio.sleep(0.2)


SETTINGS = BackupSettings()


def moment(**changed: Any) -> Moment:
    at = now()
    usual = {
        "now": at,
        "newest_full": at - timedelta(hours=1),
        "newest_compressed": None,
        "unread": at - timedelta(days=1),
        "proven": at - timedelta(days=1),
        "wal_bytes": 0,
    }
    ago = {name: at - value for name, value in changed.items() if isinstance(value, timedelta)}
    return Moment(**{**usual, **changed, **ago})


def what(asked: Moment, settings: BackupSettings = SETTINGS) -> list[str]:
    """What is due, the most urgent first."""
    return [action for action, at in due_at(asked, settings).items() if at <= asked.now]


def test_what_is_due() -> None:
    """Just below, at and above each bound."""
    full_megabytes = SETTINGS.incremental_mb << 20
    assert what(moment()) == []
    assert what(moment(newest_full=None, wal_bytes=1 << 40, pressure_at=timedelta(0))) == []
    assert what(moment(newest_full=timedelta(hours=23, minutes=59))) == []
    assert what(moment(newest_full=timedelta(hours=24))) == ["full"]
    assert what(moment(wal_bytes=full_megabytes - 1)) == []
    assert what(moment(wal_bytes=full_megabytes)) == ["incremental"]
    assert what(moment(unread=timedelta(days=6, hours=23))) == []
    assert what(moment(unread=timedelta(days=7))) == ["verify"]
    assert what(moment(unread=None)) == []
    assert what(moment(proven=timedelta(days=6, hours=23))) == []
    assert what(moment(proven=timedelta(days=7))) == ["drill"]
    assert what(moment(proven=None, newest_full=timedelta(hours=1))) == []


def test_when_it_will_be_due_is_known_where_a_clock_decides() -> None:
    asked = moment()
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert due_at(asked, SETTINGS) == {
        "full": asked.now + 23 * hour,
        "verify": asked.now + 6 * day,
        "drill": asked.now + 6 * day,
    }
    assert due_at(moment(newest_full=None), SETTINGS) == {}


def test_what_is_due_comes_in_order_of_urgency() -> None:
    long_ago = timedelta(days=30)
    everything = moment(
        newest_full=long_ago,
        unread=long_ago,
        proven=long_ago,
        wal_bytes=1 << 40,
        pressure_at=timedelta(0),
    )
    assert what(everything) == ["full", "compressed", "incremental", "verify", "drill"]
    never = BackupSettings(full_hours=0, incremental_mb=0, verify_days=0, drill_days=0)
    assert what(everything, never) == ["compressed"]


def test_fault_38_pressure_that_flaps_makes_one_backup_a_day() -> None:
    pressed = {"pressure_at": timedelta(minutes=2)}
    assert what(moment(**pressed)) == ["compressed"]
    assert what(moment(**pressed, newest_compressed=timedelta(hours=23))) == []
    assert what(moment(**pressed, newest_compressed=timedelta(hours=24))) == ["compressed"]
    assert what(moment(pressure_at=timedelta(hours=1))) == []


def test_an_empty_catalogue_makes_nothing_due() -> None:
    facts = SimpleNamespace(system="1", timeline=1, now=now(), lsn="0/5000000")
    assert what(moment_of(facts, Catalogue(), pressure_at=now())) == []
