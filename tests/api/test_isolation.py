"""Two namespaces hammered through a pool of one connection: not one row crosses."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.api.running import Running, running, vector_of
from tests.conftest import DIM

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import httpx2

pytestmark = pytest.mark.anyio

NAMES = ("left", "right")
KINDS = ("recent_query", "snippet", "core_concept")
TASKS, REQUESTS = 50, 20


class Caller:
    """One task of one namespace: random requests, every row of every answer looked at."""

    def __init__(
        self, name: str, client: httpx2.AsyncClient, ids: dict[str, list[str]], seed: int
    ) -> None:
        self.name = name
        self.client = client
        self.ids = ids
        self.other = NAMES[1 - NAMES.index(name)]
        self.random = random.Random(seed)
        self.seen = self.refused = self.cancelled = 0

    async def run(self) -> None:
        for _ in range(REQUESTS):
            step = self.random.choice(
                [self.write, self.search, self.search, self.page, self.get, self.pry, self.cancel]
            )
            await step()

    async def write(self) -> None:
        await self._write(self.random.randrange(10**9))

    async def search(self) -> None:
        request: dict[str, Any] = {"namespace": self.name, "top_k": 20, "explain": True}
        words = f"{self.random.choice(NAMES)} shared number {self.random.randrange(40)}"
        if self.random.random() < 0.7:
            request["query"] = words
        if "query" not in request or self.random.random() < 0.5:
            request["embedding"] = vector_of(words).tolist()
        if self.random.random() < 0.3:
            request["filters"] = {"kinds": [self.random.choice(KINDS)]}
        answer = await self.client.post("/v1/search", json=request)
        assert answer.status_code == 200, answer.text
        self._look(answer.json()["results"])

    async def page(self) -> None:
        answer = await self.client.get("/v1/memories", params={"limit": 50})
        assert answer.status_code == 200, answer.text
        self._look(answer.json()["memories"])

    async def get(self) -> None:
        answer = await self.client.get(f"/v1/memories/{self.random.choice(self.ids[self.name])}")
        assert answer.status_code == 200, answer.text
        self._look([answer.json()])

    async def pry(self) -> None:
        """Everything one can try with an id of the other."""
        path = f"/v1/memories/{self.random.choice(self.ids[self.other])}"
        method, rest, body = self.random.choice(
            [
                ("GET", "", None),
                ("DELETE", "", None),
                ("PATCH", "", {"pinned": True}),
                ("GET", "/explain", None),
                ("GET", "/history", None),
                ("POST", "/feedback", {"rating": 1}),
            ]
        )
        answer = await self.client.request(method, path + rest, json=body)
        assert answer.status_code == 404, (method, rest, answer.text)
        named = await self.client.request(
            method, path + rest, json=body, params={"namespace": self.other}
        )
        assert named.status_code == 403, named.text
        self.refused += 2

    async def cancel(self) -> None:
        """A caller that hangs up somewhere on the way."""
        work: list[Callable[[], Coroutine[Any, Any, None]]] = [self.search, self.write, self.page]
        task = asyncio.create_task(self.random.choice(work)())
        for _ in range(self.random.randrange(12)):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self.cancelled += task.cancelled()

    async def _write(self, number: int) -> None:
        memory = {
            "namespace": self.name,
            "content": f"{self.name} shared number {number}",
            "kind": self.random.choice(KINDS),
        }
        answer = await self.client.post("/v1/memories", json={"memories": [memory]})
        assert answer.status_code == 201, answer.text
        assert answer.json()["memories"][0]["namespace"] == self.name

    def _look(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            assert row["namespace"] == self.name
            assert row["content"].startswith(self.name)
        self.seen += len(rows)


async def fill(service: Running, clients: dict[str, httpx2.AsyncClient]) -> dict[str, list[str]]:
    """Forty memories each, the same words but one in both namespaces, vectors included."""
    ids = {}
    for name, client in clients.items():
        texts = [f"{name} shared number {number}" for number in range(40)]
        memories = [
            {
                "namespace": name,
                "content": text,
                "kind": KINDS[number % 3],
                "embedding": vector_of(text).tolist(),
            }
            for number, text in enumerate(texts)
        ]
        answer = await client.post("/v1/memories", json={"memories": memories})
        assert answer.status_code == 201
        ids[name] = [row["id"] for row in answer.json()["memories"]]
    return ids


def build_hnsw(url: str) -> None:
    """Send every vector search to HNSW: an index on each partition, no namespace small enough."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update memory_data.setting set value = '3' where key = 'exact_rows'")
        partitions = connection.execute(
            "select c.relname from pg_inherits as i join pg_class as c on c.oid = i.inhrelid"
            " where i.inhparent in ('memory_data.interact'::regclass,"
            " 'memory_data.insights'::regclass, 'memory_data.assets'::regclass)"
        ).fetchall()
        for (partition,) in partitions:
            connection.execute(
                sql.SQL(
                    "create index on memory_data.{} using hnsw (embedding halfvec_cosine_ops)"
                ).format(sql.Identifier(partition))
            )


@pytest.mark.parametrize("hnsw", [False, True], ids=["exact", "hnsw"])
async def test_not_one_row_crosses(clone: Callable[[], str], hnsw: bool) -> None:
    url = clone()
    async with running(url, pool_size=1) as service:
        clients = {name: service.client(await service.key(name)) for name in NAMES}
        ids = await fill(service, clients)
        if hnsw:
            build_hnsw(url)
        probe = {"namespace": "left", "embedding": [1.0] * DIM, "explain": True, "top_k": 5}
        hits = (await clients["left"].post("/v1/search", json=probe)).json()["results"]
        assert {hit["explain"]["vectors"] for hit in hits} == {"hnsw" if hnsw else "exact"}
        assert len(hits) == 5

        callers = [Caller(NAMES[n % 2], clients[NAMES[n % 2]], ids, n) for n in range(TASKS)]
        await asyncio.gather(*(caller.run() for caller in callers))

        # the test looked at something, and each kind of thing happened
        assert sum(caller.seen for caller in callers) > 1000
        assert sum(caller.refused for caller in callers) > 100
        assert sum(caller.cancelled for caller in callers) > 10
        for name in NAMES:  # nothing pried at was changed
            listed = await clients[name].get("/v1/memories", params={"limit": 1000})
            rows = {row["id"]: row for row in listed.json()["memories"]}
            assert set(ids[name]) <= set(rows)
            for row in rows.values():
                assert row["content"].startswith(name)
                assert not row["pinned"]
                assert row["rating_count"] == 0
    with psycopg.connect(url) as connection:
        crossed = connection.execute(
            "select count(*) from memory._memories where content not like namespace || ' %'"
        ).fetchone()
    assert crossed == (0,)


async def test_a_failed_request_leaves_no_namespace_on_its_connection(
    clone: Callable[[], str],
) -> None:
    async with running(clone(), pool_size=1) as service:
        client = service.client(await service.key())
        memory = {"namespace": "left", "content": "left", "kind": "gossip"}
        for body in ({"memories": [memory]}, {"memories": [{**memory, "kind": "snippet"}]}):
            await client.post("/v1/memories", json=body)
            async with service.backend.pool.connection() as connection:
                cursor = await connection.execute(
                    "select coalesce(current_setting('magray.namespace', true), ''), current_user,"
                    " (select count(*) from memory._memories)"
                )
                assert await cursor.fetchone() == ("", "memory_app", 0)
