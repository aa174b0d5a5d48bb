"""Storing what a reader reads, and embedding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from jobs.transfer.item import Entry, Item, Skip
from jobs.transfer.store import store
from service.core.embedding.pending import embed_pending
from service.core.errors import FileError
from service.core.model.memories import NewMemory
from tests.conftest import MODEL
from tests.embedding.fakes import Fake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.memory import Memory

pytestmark = pytest.mark.anyio


def item(number: int, content: str = "", **fields: Any) -> Item:
    fields = {"namespace": "n", "kind": "learned_context", **fields}
    return Item(f"line {number}", NewMemory(content=content or f"fact {number}", **fields))


def count(url: str, condition: LiteralString = "true") -> int:
    query = sql.SQL("select count(*) from memory.records where {}").format(sql.SQL(condition))
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def test_everything_is_counted(memory: Memory) -> None:
    entries: list[Entry] = [
        item(1),
        Skip("line 2", "no text"),
        item(3, namespace="m", kind="snippet"),
        item(4, kind="recent_query"),
        item(5, "fact 1"),
        Skip("line 6", "no text"),
    ]
    seen: list[int] = []
    outcome = await store(memory, entries, batch=4, on_progress=lambda o: seen.append(o.read))
    assert (outcome.read, outcome.stored, outcome.known) == (6, 3, 1)
    assert outcome.namespaces == {"n", "m"}
    assert outcome.layers == {"insights": 2, "interact": 1}
    assert len(outcome.waiting) == 4
    (skipped,) = outcome.skipped.values()
    assert (skipped.reason, skipped.count, skipped.first) == ("no text", 2, "line 2")
    assert seen[-1] == 6


async def test_a_second_time_stores_nothing(memory: Memory, clone_url: str) -> None:
    entries = [item(n) for n in range(10)]
    await store(memory, entries, batch=3)
    again = await store(memory, entries, batch=4)
    assert (again.stored, again.known) == (0, 10)
    assert count(clone_url) == 10


async def test_vectors_of_the_file_are_stored(memory: Memory, clone_url: str) -> None:
    outcome = await store(memory, [item(1, embedding=[1.0] * 8), item(2)], batch=10)
    assert len(outcome.waiting) == 1
    assert count(clone_url, "has_embedding") == 1


@pytest.mark.parametrize(
    ("wrong", "message", "detail"),
    [
        ({"kind": "gossip"}, 'line 7: kind "gossip" is not known', "core_concept"),
        ({"embedding": [1.0]}, "line 7: embedding does not fit", "1 dimensions"),
        ({"content": "a\x00b"}, "line 7: $.content holds the character NUL", "u0000"),
        ({"embedding": [1e9] * 8}, "line 7: $.embedding holds a number beyond 65504", ""),
    ],
)
async def test_a_refused_memory_is_named_and_whole_batches_stay(
    memory: Memory, clone_url: str, wrong: dict[str, Any], message: str, detail: str
) -> None:
    # batches are m8 n1 n2, n3 n4 n5, n6 n7 n9 …: the place is counted within the namespace
    entries = [item(n, namespace="m" if n == 8 else "n") for n in range(1, 20)]
    entries[6] = item(7, **wrong)
    with pytest.raises(FileError) as caught:
        await store(memory, entries, batch=3)
    assert message in caught.value.message
    assert detail in caught.value.detail
    assert "6 memories were stored" in caught.value.detail
    assert count(clone_url) == 6


async def test_what_was_read_before_a_broken_line_is_stored(memory: Memory, clone_url: str) -> None:
    def entries() -> Iterator[Entry]:
        yield from (item(n) for n in range(5))
        raise FileError("line 6 is not JSON", detail="why")

    with pytest.raises(FileError) as caught:
        await store(memory, entries(), batch=2)
    assert caught.value.message == "line 6 is not JSON"
    assert caught.value.detail.startswith("why\n5 memories were stored")
    assert "again" in caught.value.hint
    assert count(clone_url) == 5


async def test_the_documents_of_the_database_are_embedded(memory: Memory, clone_url: str) -> None:
    spoken = item(1, "Hello.", metadata={"speaker": "Ann", "date": "2024-05-06"})
    outcome = await store(memory, [spoken, *(item(n) for n in range(2, 8))], batch=10)
    fake, done = Fake(MODEL), list[int]()
    made = await embed_pending(memory, fake, outcome.waiting, batch=3, on_progress=done.append)
    assert made == (7, None)
    assert done == [3, 3, 1]
    assert "[6 May 2024] Ann: Hello." in [text for _, texts in fake.calls for text in texts]
    assert count(clone_url, "not has_embedding") == 0
    assert await embed_pending(memory, fake, outcome.waiting, batch=3) == (0, None)


async def test_a_file_waits_for_nobody_elses_vectors(memory: Memory, clone_url: str) -> None:
    await store(memory, [item(n, namespace="others") for n in range(20)], batch=10)
    outcome = await store(memory, [item(1), item(2), item(1)], batch=10)
    fake = Fake(MODEL)
    assert await embed_pending(memory, fake, outcome.waiting, batch=10) == (2, None)
    assert [len(texts) for _, texts in fake.calls] == [2]
    assert count(clone_url, "not has_embedding") == 20


async def test_a_text_that_cannot_be_embedded_stops_no_other(
    memory: Memory, clone_url: str
) -> None:
    outcome = await store(memory, [item(1), item(2, "poison"), item(3)], batch=10)
    assert await embed_pending(memory, Fake(MODEL), outcome.waiting, batch=10) == (2, None)
    assert count(clone_url, "not has_embedding and content = 'poison'") == 1


async def test_a_provider_that_is_down_is_told_and_nothing_is_lost(
    memory: Memory, clone_url: str
) -> None:
    outcome = await store(memory, [item(1), item(2), item(3, "down")], batch=10)
    made, away = await embed_pending(memory, Fake(MODEL), outcome.waiting, batch=2)
    assert (made, away and away.message) == (2, "down")
    assert count(clone_url, "has_embedding") == 2
    assert count(clone_url) == 3
    with psycopg.connect(clone_url) as connection:  # no text is to blame
        tried = connection.execute("select sum(attempts) from memory.unembedded").fetchone()
    assert tried == (0,)
