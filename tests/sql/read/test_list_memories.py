"""memory.list_memories: pages by cursor, filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, contents, one, refused

if TYPE_CHECKING:
    from psycopg import Connection

KINDS = ("user_interaction", "pattern", "core_concept")


def seed(db: Connection[Any], count: int, now: datetime) -> list[str]:
    """Memories over all layers, several of the same instant; contents newest first."""
    memories = [
        {
            "content": f"memory {i:03}",
            "kind": KINDS[i % 3],
            "session": f"s{i % 2}",
            "metadata": {"even": i % 2 == 0},
            "created_at": (now - timedelta(minutes=i // 4)).isoformat(),
        }
        for i in range(count)
    ]
    answer = call(db, "remember_many", namespace="n", memories=memories, now=now)
    order = sorted(answer, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    return [f"memory {row['ordinal'] - 1:03}" for row in order]


def pages(db: Connection[Any], limit: int, **arguments: Any) -> list[list[dict[str, Any]]]:
    """All pages; before each but the first something new is stored."""
    made: list[list[dict[str, Any]]] = []
    cursor: dict[str, Any] = {}
    while page := call(db, "list_memories", namespace="n", limit=limit, **cursor, **arguments):
        made.append(page)
        cursor = {"after_created_at": page[-1]["created_at"], "after_id": page[-1]["id"]}
        one(db, "remember", namespace="n", content=f"arrived after page {len(made)}")
    return made


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_are_complete_and_stable_while_memories_arrive(
    db: Connection[Any], limit: int
) -> None:
    expected = seed(db, 50, datetime.now(UTC))
    walked = pages(db, limit)
    assert [row["content"] for page in walked for row in page] == expected
    assert all(len(page) == limit for page in walked[:-1])


def test_a_page_may_lose_a_memory_and_none_is_skipped(db: Connection[Any]) -> None:
    expected = seed(db, 10, datetime.now(UTC))
    first = call(db, "list_memories", namespace="n", limit=5)
    call(db, "forget", namespace="n", ids=[first[-1]["id"], first[0]["id"]])
    rest = call(
        db,
        "list_memories",
        namespace="n",
        limit=50,
        after_created_at=first[-1]["created_at"],
        after_id=first[-1]["id"],
    )
    assert contents(first) + contents(rest) == expected


def test_a_row_is_what_get_tells(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="x", session="s")
    call(db, "touch", namespace="n", ids=[made["id"]])
    (row,) = call(db, "list_memories", namespace="n")
    assert row == one(db, "get", namespace="n", id=made["id"])
    assert row["access_count"] == 1


def test_filters_narrow(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    everything = seed(db, 30, now)

    def chosen(**arguments: Any) -> set[int]:
        return {
            int(row["content"][-3:])
            for row in call(db, "list_memories", namespace="n", now=now, **arguments)
        }

    numbers = range(len(everything))
    assert chosen() == set(numbers)
    assert chosen(layers=["assets"]) == {i for i in numbers if i % 3 == 2}
    assert chosen(layers=["interact", "insights"]) == {i for i in numbers if i % 3 != 2}
    assert chosen(kinds=["pattern"]) == {i for i in numbers if i % 3 == 1}
    assert chosen(filters={"session": "s1"}) == {i for i in numbers if i % 2 == 1}
    assert chosen(filters={"metadata": {"even": True}}) == {i for i in numbers if i % 2 == 0}
    edge = (now - timedelta(minutes=3)).isoformat()
    assert chosen(filters={"created_after": edge}) == {i for i in numbers if i // 4 <= 3}
    assert chosen(filters={"created_before": edge}) == {i for i in numbers if i // 4 > 3}
    assert chosen(layers=["assets"], filters={"session": "s1", "created_before": edge}) == {
        i for i in numbers if i % 3 == 2 and i % 2 == 1 and i // 4 > 3
    }
    assert chosen(layers=[]) == set()


def test_expired_and_foreign_memories_are_not_listed(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    one(db, "remember", namespace="n", content="short", ttl=timedelta(hours=1), now=now)
    one(db, "remember", namespace="n", content="long", now=now)
    one(db, "remember", namespace="m", content="foreign", now=now)
    later = now + timedelta(hours=1)
    assert contents(call(db, "list_memories", namespace="n", now=later)) == ["long"]
    assert call(db, "list_memories", namespace="nobody", now=later) == []


@pytest.mark.parametrize("limit", [0, -1, 1001, None])
def test_a_page_has_1_to_1000_rows(db: Connection[Any], limit: int | None) -> None:
    with refused(db, "ML422", "1..1000"):
        call(db, "list_memories", namespace="n", limit=limit)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"namespace": ""}, ["1 to 200"]),
        ({"layers": ["attic"]}, ["attic", "insights"]),
        ({"layers": [None]}, ["layer"]),
        ({"kinds": ["gossip"]}, ["gossip", "snippet"]),
        ({"filters": {"sesion": "s"}}, ["sesion", "session"]),
        ({"filters": "[1]"}, ["not an object", "array"]),
    ],
)
def test_what_is_not_understood_is_named(
    db: Connection[Any], arguments: dict[str, Any], words: list[str]
) -> None:
    with refused(db, "ML422", *words):
        call(db, "list_memories", **({"namespace": "n"} | arguments))
