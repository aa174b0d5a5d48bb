"""The query cache: right however and from wherever the namespace changes, and counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.model.memories import SearchRequest
from service.search.query_cache import QueryCache, key_of
from tests.api.running import Running, until

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio


class Asker:
    """Asks the same question again and again, and changes things behind the service's back."""

    def __init__(self, service: Running, api: httpx2.AsyncClient, namespace: str) -> None:
        self.url = service.url
        self.api = api
        self.namespace = namespace

    async def store(self, content: str, **more: Any) -> str:
        memory = {"namespace": self.namespace, "content": content, **more}
        answer = await self.api.post("/v1/memories", json={"memories": [memory], "wait": True})
        return str(answer.json()["memories"][0]["id"])

    async def ask(self, **more: Any) -> tuple[list[str], bool]:
        """Contents found, and whether they came from the cache."""
        request = {"namespace": self.namespace, "query": "word", **more}
        answer = (await self.api.post("/v1/search", json=request)).json()
        return [hit["content"] for hit in answer["results"]], answer["cached"]

    async def remembered(self) -> list[str]:
        """Ask until the answer comes from the cache."""
        found, _ = await self.ask()
        again, cached = await self.ask()
        assert cached
        assert again == found
        return again

    def change(self, statement: str, *values: object) -> None:
        """Run a statement in psql, so to speak."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, (self.namespace, *values))


@pytest.fixture
async def asker(service: Running, api: httpx2.AsyncClient, namespace: str) -> Asker:
    made = Asker(service, api, namespace)
    await made.store("word one")
    return made


async def test_a_memory_forgotten_elsewhere_is_not_served(asker: Asker) -> None:
    memory = await asker.store("word two")
    assert len(await asker.remembered()) == 2
    asker.change("select memory.forget(%s, array[%s::uuid])", memory)
    assert await asker.ask() == (["word one"], False)


async def test_a_memory_forgotten_over_http_is_not_served(asker: Asker) -> None:
    memory = await asker.store("word two")
    await asker.remembered()
    await asker.api.delete(f"/v1/memories/{memory}", params={"namespace": asker.namespace})
    assert await asker.ask() == (["word one"], False)


async def test_an_edited_memory_is_served_as_it_is_now(asker: Asker) -> None:
    memory = await asker.store("word two")
    await asker.remembered()
    asker.change('select memory.update_memory(%s, %s, \'{"content": "word three"}\')', memory)
    found, cached = await asker.ask()
    assert not cached
    assert sorted(found) == ["word one", "word three"]


async def test_a_new_memory_is_never_hidden(asker: Asker) -> None:
    await asker.remembered()
    asker.change("select memory.remember(%s, 'word from psql')")
    found, cached = await asker.ask()
    assert not cached
    assert "word from psql" in found


async def test_a_change_that_was_taken_back_hides_nothing(asker: Asker) -> None:
    await asker.remembered()
    with psycopg.connect(asker.url) as connection:
        connection.execute("select memory.remember(%s, 'word withdrawn')", (asker.namespace,))
        assert await asker.ask() == (["word one"], True)  # not committed yet
        connection.rollback()
    assert (await asker.ask())[0] == ["word one"]


async def test_an_expired_memory_is_not_served(asker: Asker) -> None:
    await asker.store("word of a moment", ttl=0.6)
    await asker.remembered()

    async def over() -> bool:
        return len((await asker.ask())[0]) == 1

    await until(over)
    with psycopg.connect(asker.url) as connection:  # nothing told the cache: it looked at the clock
        left = connection.execute(
            "select count(*) from memory._memories where namespace = %s", (asker.namespace,)
        ).fetchone()
    assert left == (2,)


async def test_a_vector_that_arrives_changes_the_answer(service: Running, asker: Asker) -> None:
    service.embedder.poison = "late"
    await asker.store("late word")
    service.embedder.poison = None
    await asker.remembered()
    asker.change(
        "update memory_data.embedding_failure set next_attempt_at = now() where namespace = %s"
    )
    elsewhere = {"namespace": asker.namespace + "-other", "content": "wakes the worker"}
    await asker.api.post("/v1/memories", json={"memories": [elsewhere]})

    async def arrived() -> bool:
        return (await asker.ask())[1] is False

    await until(arrived)


async def test_another_namespace_has_other_answers(asker: Asker) -> None:
    await asker.remembered()
    assert await asker.ask(namespace=asker.namespace + "-other") == ([], False)


async def test_every_part_of_a_request_counts_but_who_uses_it(asker: Asker) -> None:
    await asker.remembered()
    for same in ({"touch": False}, {"session": "s"}, {"top_k": 10}, {"explain": False}):
        assert (await asker.ask(**same))[1], same
    for other in (
        {"top_k": 9},
        {"explain": True},
        {"query": "word "},
        {"filters": {"session": "s"}},
        {"embedding": [1.0] * 8},
    ):
        assert not (await asker.ask(**other))[1], other


async def test_an_answer_found_before_a_change_is_not_kept_beyond_it(
    service: Running, asker: Asker
) -> None:
    memory = service.backend.memory
    cache = QueryCache(memory, ttl_minutes=30)
    request = SearchRequest(namespace=asker.namespace, query="word")
    hits, token = await memory.search(request, None)
    await asker.store("word in between")
    cache.keep(key_of(request), hits, token)
    assert await cache.find(key_of(request), request.namespace) is None
    hits, token = await memory.search(request, None)
    cache.keep(key_of(request), hits, token)
    assert await cache.find(key_of(request), request.namespace) == hits
    assert (cache.hits, cache.misses) == (1, 1)


async def test_simultaneous_writers_and_readers_never_meet_an_old_answer(asker: Asker) -> None:
    """After a write is acknowledged every search finds it, whatever is remembered meanwhile."""

    async def write_and_look(number: int) -> None:
        for step in range(5):
            content = f"word {number}-{step}"
            await asker.store(content)
            assert content in (await asker.ask(top_k=1000))[0]

    await asyncio.gather(*(write_and_look(number) for number in range(8)))
