"""`/v1/backups` and `/v1/restores`: for admins, as runs that tell how they get on."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobs.backup.catalogue import Catalogue
from jobs.backup.restore import open_folder
from service.backups import BackupKeeper, Moment, due, moment_of
from service.settings import BackupSettings
from tests.api.running import PROBLEM, running
from tests.restore.places import Place, now

if TYPE_CHECKING:
    import httpx2

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


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_a_backup_by_the_service() -> None:
    """Taken and verified beside a running service, each followed to its end."""
    folder = open_folder("magray-api-")
    place = Place(folder / "live")
    await asyncio.to_thread(place.start)
    try:
        async with running(place.server.url()) as service:
            database = replace(service.backend.database, server=place.server)
            settings = service.backend.settings.model_copy(
                update={"backup": place.settings, "data_dir": folder / "live"}
            )
            backend = replace(service.backend, database=database, settings=settings)
            keeper = BackupKeeper(backend)
            run = await keeper.begin("backup", {"kind": "full"})
            made = await _end(keeper, run)
            assert made["state"] == "done", made
            listed = await keeper.backups()
            assert [row["id"] for row in listed] == [made["result"]["id"]]
            checked = await _end(keeper, await keeper.begin("verify", {"id": listed[0]["id"]}))
            assert checked["result"]["findings"][0]["ok"]
            going = await _end(keeper, await keeper.begin("backup", {"kind": "full"}), patience=0)
            assert going["state"] == "running"
            await keeper.stop()
    finally:
        place.end()
        shutil.rmtree(folder)


async def _end(keeper: BackupKeeper, run: Any, patience: float = 300) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        (row,) = await keeper.runs(run)
        if row["state"] != "running" or asyncio.get_running_loop().time() >= deadline:
            return row
        await asyncio.sleep(0.2)


SETTINGS = BackupSettings()


def moment(**changed: Any) -> Moment:
    at = now()
    usual = {
        "now": at, "newest_full": at - timedelta(hours=1), "newest_compressed": None,
        "proven": at - timedelta(days=1), "wal_bytes": 0, "pressure": False,
    }  # fmt: skip
    ago = {name: at - value for name, value in changed.items() if isinstance(value, timedelta)}
    return Moment(**{**usual, **changed, **ago})


def what(asked: Moment) -> str | None:
    return due(
        asked, full_hours=SETTINGS.full_hours, incremental_mb=SETTINGS.incremental_mb,
        drill_days=SETTINGS.drill_days,
    )  # fmt: skip


def test_what_is_due() -> None:
    """Just below, at and above each bound."""
    full_megabytes = SETTINGS.incremental_mb << 20
    assert what(moment()) is None
    assert what(moment(newest_full=None, wal_bytes=1 << 40, pressure=True)) is None
    assert what(moment(newest_full=timedelta(hours=23, minutes=59))) is None
    assert what(moment(newest_full=timedelta(hours=24))) == "full"
    assert what(moment(wal_bytes=full_megabytes - 1)) is None
    assert what(moment(wal_bytes=full_megabytes)) == "incremental"
    assert what(moment(proven=timedelta(days=6, hours=23))) is None
    assert what(moment(proven=timedelta(days=7))) == "drill"
    assert what(moment(proven=None, newest_full=timedelta(hours=1))) is None


def test_fault_38_pressure_that_flaps_makes_one_backup_a_day() -> None:
    assert what(moment(pressure=True)) == "compressed"
    assert what(moment(pressure=True, newest_compressed=timedelta(hours=23))) is None
    assert what(moment(pressure=True, newest_compressed=timedelta(hours=24))) == "compressed"


def test_an_empty_catalogue_makes_nothing_due() -> None:
    facts = {"system": "1", "timeline": 1, "now": now(), "lsn": "0/5000000"}
    assert what(moment_of(facts, Catalogue(), pressure=True)) is None
