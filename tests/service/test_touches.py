"""The touch buffer: uses counted in batches, kept while the database is away, within limits."""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from psycopg import sql

from service.background import touches
from service.background.touches import TouchBuffer
from service.core.database import make_pool
from service.core.memory import Memory
from tests.api.running import until
from tests.conftest import DIM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from psycopg_pool import AsyncConnectionPool

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(clone_url: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    async with make_pool(clone_url, size=2, role="memory_operator") as made:
        yield made


def store(url: str, namespace: str) -> UUID:
    with psycopg.connect(url) as connection:
        row = connection.execute("select id from memory.remember(%s, 'x')", (namespace,)).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found


def counts(url: str) -> dict[UUID, int]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("select id, access_count from memory_data.usage").fetchall())


@contextmanager
def away(server_url: str, url: str) -> Iterator[None]:
    """Nobody gets into the database inside of the block."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    change = sql.SQL("alter database {} with allow_connections {}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(change.format(sql.Identifier(str(name)), sql.SQL("false")))
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            yield
        finally:
            connection.execute(change.format(sql.Identifier(str(name)), sql.SQL("true")))


async def test_uses_of_any_namespace_and_session_are_counted(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    one, two = store(clone_url, "a"), store(clone_url, "b")
    buffer = TouchBuffer(Memory(pool))
    for session in ("s1", "s2", None):
        buffer.add("a", [one, one], session=session, source="search")
    buffer.add("b", iter([two]), session=None, source="get")
    buffer.add("b", [one, uuid4()], session=None, source="get")  # not b's, nobody's
    await buffer.flush()
    assert counts(clone_url) == {one: 3, two: 1}
    await buffer.flush()
    assert counts(clone_url) == {one: 3, two: 1}


async def test_a_stop_writes_what_is_left(
    clone_url: str, pool: AsyncConnectionPool[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touches, "_INTERVAL", 3600)
    memory = store(clone_url, "a")
    buffer = TouchBuffer(Memory(pool))
    async with buffer.running():
        buffer.add("a", [memory], session=None, source="get")
    assert counts(clone_url) == {memory: 1}
    async with TouchBuffer(Memory(pool)).running():  # nothing is left
        pass


async def test_uses_wait_while_the_database_is_away(
    server_url: str,
    clone_url: str,
    pool: AsyncConnectionPool[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(touches, "_INTERVAL", 0.01)
    pool.timeout = 0.2
    memory = store(clone_url, "a")
    buffer = TouchBuffer(Memory(pool))

    async def counted() -> bool:
        return counts(clone_url) == {memory: 1}

    async with AsyncExitStack() as stack:
        with away(server_url, clone_url):
            buffer.add("a", [memory], session=None, source="get")
            await buffer.flush()
            await stack.enter_async_context(buffer.running())
            await buffer.flush()
        await until(counted)
    assert counts(clone_url) == {memory: 1}


async def test_what_the_database_refuses_does_not_stop_the_others(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    memory = store(clone_url, "a")
    buffer = TouchBuffer(Memory(pool))
    buffer.add("a", [memory], session="nul \x00", source="get")
    await buffer.flush()
    buffer.add("a", [memory], session=None, source="get")
    await buffer.flush()
    assert counts(clone_url) == {memory: 1}


async def test_beyond_the_limit_uses_are_not_counted(
    clone_url: str, pool: AsyncConnectionPool[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touches, "_LIMIT", 3)
    memories = [store(clone_url, f"n{number}") for number in range(5)]
    buffer = TouchBuffer(Memory(pool))
    for _ in range(4):  # the same use is one use
        for number, memory in enumerate(memories):
            buffer.add(f"n{number}", [memory], session=None, source="get")
    await buffer.flush()
    assert counts(clone_url) == dict.fromkeys(memories[:3], 1)
    buffer.add("n4", [memories[4]], session=None, source="get")  # and there is room again
    await buffer.flush()
    assert counts(clone_url)[memories[4]] == 1


def asked(url: str) -> dict[str, set[float]]:
    """The first number of the vectors noted in each namespace."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select namespace, embedding::text from memory_data.recent_query"
        ).fetchall()
    told: dict[str, set[float]] = {}
    for namespace, text in found:
        told.setdefault(namespace, set()).add(float(text[1:].split(",")[0]))
    return told


def question(number: float) -> np.ndarray[Any, Any]:
    return np.array([number, *[1] * (DIM - 1)], np.float32)


async def test_questions_of_any_namespace_are_noted(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    buffer = TouchBuffer(Memory(pool))
    for number in range(30):
        buffer.note_query("a", question(number))
    buffer.note_query("b", question(1))
    await buffer.flush()
    assert asked(clone_url) == {"a": set(range(10, 30)), "b": {1}}
    await buffer.flush()


async def test_questions_wait_while_the_database_is_away(
    server_url: str, clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    pool.timeout = 0.2
    buffer = TouchBuffer(Memory(pool))
    buffer.note_query("a", question(1))
    with away(server_url, clone_url):
        await buffer.flush()
        buffer.note_query("a", question(2))
    pool.timeout = 30
    await buffer.flush()
    assert asked(clone_url) == {"a": {1, 2}}


async def test_a_question_the_database_refuses_does_not_stop_the_next(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    buffer = TouchBuffer(Memory(pool))
    buffer.note_query("a", np.zeros(DIM, np.float32))
    await buffer.flush()
    buffer.note_query("a", question(2))
    await buffer.flush()
    assert asked(clone_url) == {"a": {2}}
