"""The database goes away while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.api.running import problem, running

if TYPE_CHECKING:
    from collections.abc import Callable

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
            found = problem(await service.http.get("/health/ready"), 503)
            assert found["hint"] == "magray check"
            assert (await service.http.get("/health/live")).status_code == 200
            for answer in (
                await client.post("/v1/search", json=request),
                await client.get("/v1/layers", params={"namespace": "n"}),
            ):
                problem(answer, 503)
                assert answer.headers["retry-after"] == "1"
            connection.execute(
                sql.SQL("alter database {} with allow_connections true").format(database)
            )
        # and comes back by itself
        service.backend.pool.timeout = 30
        assert (await client.get("/v1/layers", params={"namespace": "n"})).status_code == 200
        assert (await service.http.get("/health/ready")).status_code == 200
