"""The database goes away while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from service.background.supervisor import refusal
from service.web.problems import of_database
from tests.api.running import problem, running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.running import Running

pytestmark = pytest.mark.anyio


async def test_without_its_database_the_service_is_alive_but_not_ready(
    clone: Callable[[], str], server_url: str
) -> None:
    url = clone()
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    async with running(url, pool_size=2) as service:
        service.backend.pool.timeout = 0.5
        client = service.client(await service.key())
        request = {"namespace": "n", "query": "x"}
        assert (await client.post("/v1/search", json=request)).status_code == 200
        with psycopg.connect(server_url, autocommit=True) as connection:
            database = sql.Identifier(str(name))
            # away, but to be cleaned up by the fixture
            connection.execute(
                sql.SQL("alter database {} with allow_connections false").format(database)
            )
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )
            problem(await service.http.get("/health/ready"), 503)
            assert (await service.http.get("/health/live")).status_code == 200
            for answer in (
                await client.post("/v1/search", json=request),
                await client.get("/v1/layers", params={"namespace": "n"}),
            ):
                problem(answer, 503)
                assert answer.headers["retry-after"] == "1"
            # noticed: from now on everybody is told why, and nobody is told of the pool's size
            await until(lambda: _named(service))
            found = problem(await client.post("/v1/search", json=request), 503, code="57P03")
            assert found["title"] == "the database is away"
            assert found["detail"] == "it accepts no connections"
            assert found["hint"].startswith("Try again in ")
            (reason,) = (await service.http.get("/health")).json()["reasons"]
            assert "it accepts no connections" in reason["meaning"]
            assert (await service.http.get("/health/live")).status_code == 200
            connection.execute(
                sql.SQL("alter database {} with allow_connections true").format(database)
            )
        # and comes back by itself
        service.backend.pool.timeout = 30
        assert (await client.get("/v1/layers", params={"namespace": "n"})).status_code == 200
        await until(lambda: _is_ready(service))
        await until(lambda: _outages(service))
        assert await _outages(service) == [("it accepts no connections", False)]


async def _named(service: Running) -> bool:
    answer = await service.http.get("/health/ready")
    return answer.status_code == 503 and answer.json()["code"] == "57P03"


async def _is_ready(service: Running) -> bool:
    return (await service.http.get("/health/ready")).status_code == 200


async def _outages(service: Running) -> list[tuple[str, bool]]:
    async with service.backend.memory.housekeeping.connection() as connection:
        rows = await connection.execute("select cause, restarted from memory.outages")
        return await rows.fetchall()


async def test_a_pool_whose_connections_are_all_in_use_is_no_outage(
    clone: Callable[[], str],
) -> None:
    async with running(clone(), pool_size=1) as service:
        service.backend.pool.timeout = 0.5
        client = service.client(await service.key())
        async with service.backend.pool.connection():
            for _ in range(3):  # longer than the supervisor needs to notice an outage
                found = problem(await client.get("/v1/layers", params={"namespace": "n"}), 503)
                assert found["code"] == "53300"
                assert "MAGRAY_POOL_SIZE" in found["hint"]
        assert await _outages(service) == []


async def test_a_connection_lost_in_a_request_is_told_before_anybody_has_looked(
    server_url: str,
) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        lost = []
        for query in ("select pg_terminate_backend(pg_backend_pid())", "select 1"):
            with pytest.raises(psycopg.OperationalError) as raised:
                connection.execute(query)
            lost.append(raised.value)
    for error in lost:
        told = of_database(error, None)
        assert (told.status_code, told.extra) == (503, {"code": "57P03", "hint": "Try again."})
        assert told.title == "the connection to the database was lost"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://me:secret@127.0.0.1:1/store", "nobody listens where it should be"),
        ("postgresql://me:secret@nowhere.invalid/store", "its host is not known"),
        ("host=/nowhere/at/all dbname=store user=me", "nobody listens where it should be"),
    ],
)
async def test_a_refusal_is_told_in_words_without_an_address(url: str, what: str) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        await psycopg.AsyncConnection.connect(url)
    assert refusal(refused.value).what == what
