"""memory.relieve_pressure on layers of any content: enough goes, no more than that, and once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import call, session, value, vector
from tests.sql.filling import KINDS, budget, measured, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection


@pytest.fixture(scope="module")
def own(clone: Callable[[], str]) -> Iterator[Connection[Any]]:
    """One database for all examples; each begins with empty layers."""
    with session(clone()) as db:
        yield db


def text(chance: random.Random, length: int, style: str) -> str:
    """A text that compresses well (`words`), not at all (`noise`), or either (`mixed`)."""
    if style == "mixed":
        style = chance.choice(["words", "noise"])
    if style == "words":
        return f"{chance.random()} " + "tea and trains " * (length // 15)
    return chance.randbytes(length // 2).hex() or "0"


def store(
    db: Connection[Any], layer: str, lengths: list[int], style: str, pinned: float, seed: int
) -> None:
    """Memories of these lengths in three namespaces, some with a vector, some pinned."""
    chance = random.Random(seed)
    for namespace in ("a", "b", "c"):
        memories = [
            {"content": text(chance, length, style), "kind": KINDS[layer],
             "pinned": chance.random() < pinned, "importance": round(chance.random(), 2)}
            for length in lengths
        ]  # fmt: skip
        vectors = [
            vector(*(chance.random() for _ in range(8))) if chance.random() < 0.7 else None
            for _ in memories
        ]
        call(db, "remember_many", namespace=namespace, memories=memories, embeddings=vectors)
    settle(db)


@settings(
    max_examples=15, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    layer=st.sampled_from(["interact", "insights"]),
    lengths=st.sampled_from([(20, 200), (100, 3000), (20, 12_000), (1500, 2500)]),
    style=st.sampled_from(["words", "noise", "mixed"]),
    percent=st.sampled_from([60, 89, 91, 120, 300, 900]),
    pinned=st.sampled_from([0, 0, 0.1, 0.6]),
    seed=st.integers(0, 1000),
)
def test_relief_ends_below_the_level_takes_no_more_and_happens_once(
    own: Connection[Any], layer: str, lengths: tuple[int, int], style: str, percent: float,
    pinned: float, seed: int,
) -> None:  # fmt: skip
    own.execute("truncate memory_data.interact, memory_data.insights, memory_data.pressure")
    chance = random.Random(seed)
    store(own, layer, [chance.randint(*lengths) for _ in range(200)], style, pinned, seed)
    size = budget(own, layer, percent)
    before = measured(own, layer)
    largest = value(own, "select max(size) from memory._memories")

    answer = call(own, "relieve_pressure")
    after = measured(own, layer)
    gone = [row for row in answer if row["action"] == "evict" and "/" in row["target"]]
    reports = [row["detail"] for row in answer if row["action"] == "report"]
    unpinned = value(own, "select count(*) from memory._memories where not pinned")

    if before["level"] != "high":
        assert gone == reports == []
        return
    if reports:
        assert unpinned == 0
        assert all("pinned" in report["why"] and report["over_bytes"] > 0 for report in reports)
    else:
        assert after["usage_percent"] < 85
        assert after["level"] != "high"
        # the goal is 84 %: a record more, and what is not known of the bytes of one
        least = 0.84 * size - 3 * largest - 0.03 * before["live_bytes"]
        assert after["live_bytes"] > least
    again = call(own, "relieve_pressure")
    # of a few kilobytes too much may go, and a layer below its level may borrow
    allowed = {"report", "borrow"} if after["level"] == "low" else {"report"}
    assert {row["action"] for row in again} <= allowed
