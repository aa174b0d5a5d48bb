"""memory.change_token: whatever could change an answer of a search changes the token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, session, value, vector

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection


def token(db: Connection[Any], namespace: str = "n") -> int:
    return value(db, "select memory.change_token(%s)", namespace)


WRITES: dict[str, Callable[[Connection[Any], Any], Any]] = {
    "remember": lambda db, _: one(db, "remember", namespace="n", content="another"),
    "remember_many": lambda db, _: call(
        db, "remember_many", namespace="n", memories=[{"content": "another"}]
    ),
    "update_memory": lambda db, memory: call(
        db, "update_memory", namespace="n", id=memory, changes={"pinned": True}
    ),
    "forget": lambda db, memory: call(db, "forget", namespace="n", ids=[memory]),
    "forget_namespace": lambda db, _: call(db, "forget_namespace", namespace="n"),
    "write_embeddings": lambda db, memory: call(
        db,
        "write_embeddings",
        namespaces=["n"],
        ids=[memory],
        documents=["first"],
        embeddings=[vector(1)],
        model="test-model",
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_kind_of_write_changes_it(db: Connection[Any], write: str) -> None:
    memory = one(db, "remember", namespace="n", content="first")["id"]
    one(db, "remember", namespace="m", content="other")
    before, other = token(db), token(db, "m")
    assert WRITES[write](db, memory)
    assert token(db) > before
    assert token(db, "m") == other


def test_reads_and_uses_leave_it(db: Connection[Any]) -> None:
    """A search is followed by a touch: if that changed the token, no answer could be cached."""
    at = {"namespace": "n", "id": one(db, "remember", namespace="n", content="first")["id"]}
    before = token(db)
    call(db, "search", namespace="n", query="first")
    call(db, "get", **at)
    call(db, "touch", namespace="n", ids=[at["id"]])
    call(db, "rate", **at, rating=4.0)
    assert token(db) == before


def test_an_unknown_namespace_has_one_too(db: Connection[Any]) -> None:
    assert token(db, "nobody") == 0


def test_concurrent_writers_lose_no_change(clone_url: str) -> None:
    def write(worker: int) -> list[int]:
        seen = []
        with session(clone_url) as db:
            for i in range(20):
                one(db, "remember", namespace="n", content=f"{worker} {i}")
                seen.append(token(db))
        return seen

    with ThreadPoolExecutor(4) as pool:
        tokens = [seen for worker in pool.map(write, range(4)) for seen in pairwise(worker)]
    assert all(earlier < later for earlier, later in tokens)
    with session(clone_url) as db:
        assert value(db, "select sum(stored) from memory_data.change_counter") == 80


def test_a_purged_counter_never_comes_back_to_a_number_it_had(clone_url: str) -> None:
    with session(clone_url) as db:
        memory = one(db, "remember", namespace="n", content="first")["id"]
        before = token(db)
        call(db, "forget", namespace="n", ids=[memory])
        assert [row["namespace"] for row in call(db, "purge_traces")] == ["n"]
        assert token(db) == 0
        one(db, "remember", namespace="n", content="second")
        assert token(db) > before
