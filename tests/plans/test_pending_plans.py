"""EXPLAIN guards of the embedding worker: its next batch costs the same however many wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plans.plans import Plans, listening
from tests.sql.calls import call, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

# Of one namespace; behind it two that wait for one each.
MANY = 3_000


@pytest.fixture(scope="module")
def waiting(clone: Callable[[], str]) -> str:
    """A database in which many memories wait; statistics know of none of them."""
    url = clone()
    with session(url) as db:
        db.execute("analyze")
        memories = [
            {"content": f"memory {i}", "kind": ("pattern", "core_concept")[i % 2]}
            for i in range(MANY)
        ]
        for start in range(0, MANY, 1000):
            call(db, "remember_many", namespace="a", memories=memories[start : start + 1000])
        for name in ("b", "c"):
            call(db, "remember_many", namespace=name, memories=[{"content": "one"}])
    return url


@pytest.fixture(params=["with stale statistics", "analysed"])
def worker(waiting: str, request: pytest.FixtureRequest) -> Iterator[Connection[Any]]:
    """The worker's session."""
    if request.param == "analysed":
        with session(waiting) as db:
            db.execute("analyze")
    with listening(waiting, "", role="memory_operator") as db:
        yield db


def test_a_batch_reads_little_more_than_itself(worker: Connection[Any]) -> None:
    for _ in range(8):
        with Plans(worker) as plans:
            batch = call(worker, "pending_embeddings", limit=10, after="a")
    assert [row["namespace"] for row in batch[:3]] == ["b", "c", "a"]
    assert len(batch) == 10
    scans = plans.scans()
    assert _rows_read(plans) < 200, str(plans)
    big = [node for node in scans if node["Actual Rows"]]
    assert big
    assert all("Index" in node["Node Type"] for node in big), str(plans)


def test_those_somebody_waits_for_are_looked_up(worker: Connection[Any]) -> None:
    (one,) = call(worker, "pending_embeddings", limit=1, after="b")
    for _ in range(8):
        with Plans(worker) as plans:
            batch = call(
                worker,
                "pending_embeddings",
                limit=10,
                namespaces=["c"],
                ids=[one["id"]],
                others=False,
            )
    assert [row["id"] for row in batch] == [one["id"]]
    assert _rows_read(plans) < 10, str(plans)


def _rows_read(plans: Plans) -> float:
    return sum(node["Actual Rows"] * node["Actual Loops"] for node in plans.scans())
