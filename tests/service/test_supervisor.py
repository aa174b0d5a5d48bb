"""A service whose embedded PostgreSQL ends goes on: it is started again, and the cause is named."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from structlog.testing import capture_logs

from service.background.supervisor import Trouble, pause_before
from service.core.embedded import EmbeddedServer
from service.core.embedded.ending import Cause
from service.core.embedded.postmaster import processes, read_pid_file
from service.core.errors import PlatformError
from service.core.migrate import Model, migrate
from tests.api.running import problem, running, until
from tests.conftest import DIM, MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx2

    from tests.api.running import Running

pytestmark = pytest.mark.anyio

MEMORY = 128 << 20  # bytes the server plans with
HANDLES: list[EmbeddedServer] = []  # each is asked for the end of what it started


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder every user can enter."""
    made = Path(tempfile.mkdtemp(prefix="magray-test-"))
    made.chmod(0o755)
    yield made
    for one in HANDLES:
        assert not one.started_here
    shutil.rmtree(made)


def handle(folder: Path) -> EmbeddedServer:
    made = EmbeddedServer(folder / "data", memory=MEMORY, system_dir=folder / "system")
    HANDLES.append(made)
    return made


@pytest.fixture(scope="module")
async def service(folder: Path) -> AsyncIterator[Running]:
    server = handle(folder)
    server.start()
    try:
        migrate(server.url(), Model(name=MODEL, dim=DIM))
        with psycopg.connect(server.url()) as connection:
            connection.execute("select memory.make_partitions()")
        async with running(server.url(), server=server) as made:
            yield made
    finally:
        server.stop("immediate", force=True)


@pytest.fixture
async def client(service: Running) -> httpx2.AsyncClient:
    await until(lambda: is_well(service))
    service.app.state.supervisor._starts = 0  # each test begins in calm
    return service.client(await service.key(scopes=("read", "write", "admin")))


@pytest.fixture
def server(service: Running) -> EmbeddedServer:
    assert service.backend.database.server is not None
    return service.backend.database.server


async def is_well(service: Running) -> bool:
    return (await service.http.get("/health/ready")).status_code == 200


def kill(server: EmbeddedServer) -> None:
    found = read_pid_file(server.pgdata)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)


def store(content: str) -> dict[str, Any]:
    return {"memories": [{"namespace": "n", "content": content}]}


async def outages(service: Running) -> list[dict[str, Any]]:
    async with service.backend.memory.housekeeping.connection() as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        await cursor.execute("select * from memory.outages")
        return await cursor.fetchall()


async def test_a_killed_server_is_started_again_and_nothing_acknowledged_is_lost(
    service: Running, client: httpx2.AsyncClient, server: EmbeddedServer
) -> None:
    stored: list[str] = []

    async def write() -> None:
        for number in range(10_000):
            answer = await client.post("/v1/memories", json=store(f"written {number}"))
            if answer.status_code < 300:
                stored.append(answer.json()["memories"][0]["id"])
            if len(stored) > 100:
                return

    writing = asyncio.create_task(write())
    await until(lambda: asyncio.sleep(0, len(stored) > 20))
    found = await client.post("/v1/search", json={"namespace": "n", "query": "written"})
    used = {hit["id"] for hit in found.json()["results"]}
    with capture_logs() as logs:
        kill(server)
        await writing
        await until(lambda: is_well(service))
    said = [line["event"] for line in logs if line.get("cause", "").endswith("(SIGKILL)")]
    assert said == ["the database is away: it is being started again", "the database is back"]
    for one in stored:
        assert (
            await client.get(f"/v1/memories/{one}", params={"namespace": "n"})
        ).status_code == 200
    await until(lambda: _all_used(service, used))
    await until(lambda: _none_pending(service))
    await until(lambda: outages(service))
    assert (await outages(service))[0]["cause"] == "its process was killed (SIGKILL)"
    assert (await outages(service))[0]["restarted"]


async def _all_used(service: Running, ids: set[str]) -> bool:
    async with service.backend.memory.housekeeping.connection() as connection:
        rows = await connection.execute(
            "select count(*) from memory_data.usage where id = any(%s::uuid[])", [list(ids)]
        )
        return await rows.fetchone() == (len(ids),)


async def _none_pending(service: Running) -> bool:
    return not await service.backend.memory.pending_embeddings(1)


async def test_it_becomes_an_alert(service: Running, client: httpx2.AsyncClient) -> None:
    await until(lambda: outages(service))
    async with service.backend.memory.housekeeping.connection() as connection:
        await connection.execute("select memory.check_alerts()")
    alerts = (await client.get("/v1/alerts")).json()["alerts"]
    assert [one["state"] for one in alerts if one["rule"] == "database outage"] == ["open"]
    health = (await service.http.get("/health")).json()
    assert health["status"] == "degraded"


async def test_while_it_cannot_be_started_everybody_is_told_why(
    service: Running, client: httpx2.AsyncClient, server: EmbeddedServer
) -> None:
    """As when its disk is not mounted any more: no other database is made in its place."""
    away = server.pgdata.with_name("elsewhere")
    with capture_logs() as logs:
        server.pgdata.rename(away)
        try:
            os.kill(int((away / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            await until(lambda: asyncio.sleep(0, _attempts(logs) >= 3))
            found = problem(await client.get("/v1/layers", params={"namespace": "n"}), 503)
            ready = problem(await service.http.get("/health/ready"), 503, code="57P03")
            for told in (found, ready):
                assert told["title"] == "the database is away: it is being started again"
                assert "MAGRAY_POOL_SIZE" not in str(told)
            health = (await service.http.get("/health")).json()
            assert health["status"] == "failing"
            assert "being started again" in health["reasons"][0]["meaning"]
            assert (await service.http.get("/health/live")).status_code == 200
            assert not server.pgdata.exists()
        finally:
            away.rename(server.pgdata)
        await until(lambda: is_well(service))
    pauses = [line["next_try_in"] for line in logs if "next_try_in" in line]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 2 * pauses[-2] > 0


def _attempts(logs: list[Any]) -> int:
    return sum("next_try_in" in line for line in logs)


async def test_of_two_who_start_it_again_one_attaches(
    service: Running, client: httpx2.AsyncClient, server: EmbeddedServer, folder: Path
) -> None:
    other = handle(folder)
    other.start()
    try:
        kill(server)
        await asyncio.to_thread(other.revive)
        await until(lambda: is_well(service))
        postmasters = [one for one in processes(server._site) if "-D" in one.cmdline()]
        assert len(postmasters) == 1
    finally:
        other.stop()
    assert server.is_running
    assert (await client.post("/v1/memories", json=store("still there"))).status_code == 201


async def test_a_server_whose_socket_was_removed_is_started_again(
    service: Running, client: httpx2.AsyncClient, server: EmbeddedServer, folder: Path
) -> None:
    before = read_pid_file(server.pgdata)
    for socket in (folder / "data" / "run").glob(".s.PGSQL.*"):
        socket.unlink()
    assert not server.is_reachable
    await until(lambda: asyncio.sleep(0, server.is_reachable))
    await until(lambda: is_well(service))
    assert read_pid_file(server.pgdata) != before
    assert (await client.post("/v1/memories", json=store("by a new socket"))).status_code == 201


async def test_a_server_that_recovers_by_itself_is_left_to_it(
    service: Running, client: httpx2.AsyncClient, server: EmbeddedServer
) -> None:
    """A killed backend: PostgreSQL ends all others and replays its WAL."""
    before = read_pid_file(server.pgdata)
    with (
        psycopg.connect(server.url(), autocommit=True) as victim,
        psycopg.connect(server.url(), autocommit=True) as other,
    ):
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        await until(lambda: asyncio.to_thread(_is_ended, other))
    await until(lambda: is_well(service))
    assert (await client.post("/v1/memories", json=store("after the recovery"))).status_code == 201
    assert read_pid_file(server.pgdata) == before


def _is_ended(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


async def test_an_outage_the_database_refuses_is_told_once(service: Running) -> None:
    """Not twice a second for ever, and the next ones are told all the same."""
    supervisor = service.app.state.supervisor
    now = datetime.now(UTC)
    words = ("with \0 in it", "in order")
    troubles = [Trouble(since=now, cause=Cause(what, "", ""), restarting=False) for what in words]
    await until(lambda: is_well(service))
    # those of the tests before are told
    await until(lambda: asyncio.sleep(0, not (supervisor.trouble or supervisor._untold)))
    with capture_logs() as logs:
        supervisor._untold = [(one, now) for one in troubles]
        await until(lambda: asyncio.sleep(0, not supervisor._untold))
    assert [line["cause"] for line in logs if line["event"] == "outage not kept"] == [words[0]]
    assert words[0] not in {row["cause"] for row in await outages(service)}


def test_the_pause_grows_to_a_minute_and_stays_there() -> None:
    pauses = [pause_before(starts) for starts in range(10)]
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pause_before(100_000) == 60  # months on a full disk


def test_a_cluster_that_is_not_there_is_not_made_by_a_revival(folder: Path) -> None:
    server = EmbeddedServer(folder / "nothing", memory=MEMORY, system_dir=folder / "system")
    with pytest.raises(PlatformError, match="is gone") as refused:
        server.revive()
    assert "mount" in refused.value.hint
    assert not server.pgdata.exists()
