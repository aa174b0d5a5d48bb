"""HEAD answers wherever GET does: the same status and headers, and no body."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx2
import psycopg
import pytest
import uvicorn

from tests.api.running import Running, bearer, problem, until
from tests.api.stored import store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

# Of one answer only.
_OWN = {"x-request-id", "date"}


@pytest.fixture(scope="module")
async def outside(service: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the service behind a real server, logged in to the dashboard too."""
    config = uvicorn.Config(service.app, port=0, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    port = server.servers[0].sockets[0].getsockname()[1]
    key = await service.key(scopes=("read", "write", "admin"))
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=bearer(key), timeout=60
    ) as client:
        entered = await client.post("/login", data={"key": key})
        client.cookies.update(entered.cookies)
        yield client
    server.should_exit = True
    await task


def plain(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in _OWN}


async def test_every_route_that_answers_get_answers_head(
    service: Running, outside: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(outside, namespace, "there", embedding=[1.0] * 8)
    fillings = {
        "memory_id:uuid": memory,
        "run_id:uuid": memory,
        "name:str": "alerts",
        "file_path:path": "swagger-ui.css",
        "path:str": "nothing",
    }
    tried = {}
    for route in service.app.routes:
        if "GET" not in route.methods:
            continue
        path = re.sub(r"{([^}]*)}", lambda found: fillings[found[1]], route.path)
        for params in ({}, {"namespace": namespace}, {"tga": "x"}, {"kpi": "size"}):
            got = await outside.get(path, params=params)
            head = await outside.head(path, params=params)
            assert head.status_code == got.status_code, (path, params)
            assert head.content == b"", path
            assert set(plain(head)) == set(plain(got)), (path, params)
            # what changes from one moment to the next is as long as it is
            if not re.search("metrics|panel|kpis|explain", path):
                assert plain(head) == plain(got), (path, params)
            tried[path] = {*tried.get(path, ()), got.status_code}
    for path in ("/", "/schema", "/metrics", "/health", "/health/live", "/health/ready", "/login"):
        assert 200 in tried[path], path
    assert 200 in tried["/v1/memories"]
    assert 200 in tried[f"/v1/memories/{memory}"]
    assert 200 in tried["/schema/assets/swagger-ui.css"]


async def test_head_is_asked_for_a_key_as_get_is(service: Running) -> None:
    answer = await service.http.head("/v1/layers")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"] == "Bearer"
    missing = await service.http.head("/v1/nothing")
    assert (missing.status_code, missing.content) == (404, b"")


async def test_where_get_is_allowed_head_is_and_nowhere_else(service: Running) -> None:
    refused = await service.http.put("/v1/layers")
    problem(refused, 405)
    assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))
    head = await service.http.head("/v1/search")
    assert head.status_code == 405
    assert "HEAD" not in head.headers["allow"]


async def test_to_ask_for_the_headers_is_no_use(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(api, namespace, "looked at")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    assert (await api.head(path, params=params)).status_code == 200
    assert (await api.get(path, params=params)).status_code == 200

    async def counted() -> bool:
        with psycopg.connect(service.url) as db:
            found = db.execute(
                "select source from memory_data.access_event where id = %s", (memory,)
            ).fetchall()
        assert len(found) <= 1
        return found == [("get",)]

    await until(counted)
