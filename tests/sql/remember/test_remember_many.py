"""memory.remember_many: batches, repeated memories, turns, faults named by their place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import DIM
from tests.sql.calls import call, one, refused, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from psycopg import Connection


def batch(*contents: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"content": content, **fields} for content in contents]


def turns(db: Connection[Any], namespace: str, of: str) -> list[tuple[str, int]]:
    return [
        (row["content"], row["turn"])
        for row in rows(
            db,
            "select content, turn from memory._memories where namespace = %s and session = %s"
            " order by turn, id",
            namespace,
            of,
        )
    ]


def test_a_batch_answers_in_its_order_over_all_layers(db: Connection[Any]) -> None:
    kinds = ["core_concept", "user_interaction", "pattern"] * 3
    memories = [{"content": f"memory {i}", "kind": kind} for i, kind in enumerate(kinds)]
    answer = call(db, "remember_many", namespace="n", memories=memories)
    assert [row["ordinal"] for row in answer] == list(range(1, 10))
    assert [row["layer"] for row in answer] == ["assets", "interact", "insights"] * 3
    assert all(row["created"] for row in answer)
    for memory, row in zip(memories, answer, strict=True):
        assert one(db, "get", namespace="n", id=row["id"])["content"] == memory["content"]


def test_a_thousand_memories_are_a_batch_and_more_are_not(db: Connection[Any]) -> None:
    memories = batch(*(f"memory {i}" for i in range(1001)))
    with refused(db, "ML422", "1 to 1000", "1001"):
        call(db, "remember_many", namespace="n", memories=memories)
    assert len(call(db, "remember_many", namespace="n", memories=memories[:1000])) == 1000


@pytest.mark.parametrize("memories", ["[]", "null", '{"content": "x"}', '"x"', None])
def test_what_is_no_batch_is_refused(db: Connection[Any], memories: str | None) -> None:
    with refused(db, "ML422", "a batch has 1 to 1000 memories"):
        call(db, "remember_many", namespace="n", memories=memories)


def test_equal_memories_in_a_batch_are_one(db: Connection[Any]) -> None:
    answer = call(
        db, "remember_many", namespace="n", memories=batch("same", "other", "same", "same")
    )
    assert [row["created"] for row in answer] == [True, True, False, False]
    assert len({row["id"] for row in answer}) == 2
    assert answer[0]["id"] == answer[2]["id"] == answer[3]["id"]
    assert value(db, "select count(*) from memory_data.interact where namespace = 'n'") == 2


def test_known_and_new_memories_mix(db: Connection[Any]) -> None:
    known = one(db, "remember", namespace="n", content="known")
    answer = call(db, "remember_many", namespace="n", memories=batch("new", "known"))
    assert [row["created"] for row in answer] == [True, False]
    assert answer[1]["id"] == known["id"]


def test_two_sessions_that_store_the_same_at_once_store_it_once(clone_url: str) -> None:
    memories = batch(*(f"memory {i}" for i in range(40)))
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        with first.transaction():
            here = call(first, "remember_many", namespace="n", memories=memories)
            # reversed: two writers that take their locks in the order of their batch would deadlock
            waiting = pool.submit(
                call, second, "remember_many", namespace="n", memories=memories[::-1]
            )
            until_waiting(second, waiting)
        there = waiting.result(60)
        assert value(first, "select count(*) from memory_data.interact") == 40
    assert all(row["created"] for row in here)
    assert not any(row["created"] for row in there)
    assert [row["id"] for row in here] == [row["id"] for row in there][::-1]


def test_a_batch_is_stored_whole_or_not_at_all(db: Connection[Any]) -> None:
    memories = [*batch("good 1", "good 2"), {"content": " "}, *batch("good 3")]
    with refused(db, "ML422", "memory 3", "content is empty"):
        call(db, "remember_many", namespace="n", memories=memories)
    assert value(db, "select count(*) from memory._memories where namespace = 'n'") == 0
    assert value(db, "select memory.change_token('n')") == 0


def test_turns_are_numbered_over_batches_and_sessions(db: Connection[Any]) -> None:
    call(db, "remember_many", namespace="n", memories=batch("a1", "a2", session="a"))
    call(
        db,
        "remember_many",
        namespace="n",
        memories=[
            *batch("b1", session="b"),
            *batch("a3", session="a"),
            *batch("none"),
            *batch("b2", session="b"),
            *batch("a4", session="a"),
        ],
    )
    one(db, "remember", namespace="n", content="a5", session="a")
    # a session is a namespace's own
    one(db, "remember", namespace="m", content="first there", session="a")
    assert turns(db, "n", "a") == [("a1", 1), ("a2", 2), ("a3", 3), ("a4", 4), ("a5", 5)]
    assert turns(db, "n", "b") == [("b1", 1), ("b2", 2)]
    assert turns(db, "m", "a") == [("first there", 1)]


def test_turns_go_on_over_layers(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="said", session="a")
    one(db, "remember", namespace="n", content="learned", session="a", kind="pattern")
    one(db, "remember", namespace="n", content="kept", session="a", kind="core_concept")
    assert turns(db, "n", "a") == [("said", 1), ("learned", 2), ("kept", 3)]


def test_a_repeated_turn_takes_no_number(db: Connection[Any]) -> None:
    call(db, "remember_many", namespace="n", memories=batch("a1", "a1", "a2", session="a"))
    call(db, "remember_many", namespace="n", memories=batch("a2", "a3", session="a"))
    assert turns(db, "n", "a") == [("a1", 1), ("a2", 2), ("a3", 3)]


def test_turns_within_a_batch_follow_created_at(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memories = [
        {"content": "later", "session": "a", "created_at": (now - timedelta(hours=1)).isoformat()},
        {"content": "sooner", "session": "a", "created_at": (now - timedelta(hours=2)).isoformat()},
    ]
    call(db, "remember_many", namespace="n", memories=memories, now=now)
    assert turns(db, "n", "a") == [("sooner", 1), ("later", 2)]


def test_two_writers_of_a_session_share_no_turn(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        with first.transaction():
            call(first, "remember_many", namespace="n", memories=batch("a", "b", session="s"))
            waiting = pool.submit(
                call, second, "remember_many", namespace="n", memories=batch("c", "d", session="s")
            )
            until_waiting(second, waiting)
        waiting.result(60)
        assert [turn for _, turn in turns(first, "n", "s")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "gossip"}, ["gossip", "core_concept", "user_interaction"]),
        ({"content": None}, ["content is empty"]),
        ({"content": "\n\t "}, ["content is empty"]),
        ({"content": "x" * 65_537}, ["content is too long", "65537", "65536"]),
        ({"metadata": [1]}, ["metadata is not an object", "array"]),
        ({"metadata": "x"}, ["metadata is not an object", "string"]),
        ({"importance": 1.01}, ["importance is outside 0..1"]),
        ({"importance": -0.01}, ["importance is outside 0..1"]),
        ({"importance": "high"}, ["importance"]),
        ({"session": ""}, ["session"]),
        ({"session": "x" * 201}, ["session", "201"]),
        ({"created_at": "2200-01-01T00:00:00Z"}, ["created_at lies in the future"]),
        ({"created_at": "infinity"}, ["created_at"]),
        ({"created_at": "-infinity"}, ["created_at"]),
        ({"created_at": "yesterday-ish"}, ["created_at"]),
        ({"ttl": "0 seconds"}, ["ttl is not positive"]),
        ({"ttl": "-1 hours"}, ["ttl is not positive"]),
        ({"ttl": "3 years"}, ["ttl is longer", "interact"]),
        ({"ttl": "infinity"}, ["ttl is longer", "interact"]),
        ({"ttl": "999999 years"}, ["ttl"]),
        ({"ttl": "soon"}, ["ttl"]),
        ({"pinned": "perhaps"}, ["pinned"]),
        ({"language": "klingon"}, ["klingon", "russian"]),
    ],
)
def test_each_fault_is_named_with_its_place(
    db: Connection[Any], fault: dict[str, Any], words: list[str]
) -> None:
    memories = [*batch("good"), {"content": "good too", **fault}]
    with refused(db, "ML422", "memory 2", *words):
        call(db, "remember_many", namespace="n", memories=memories)


@pytest.mark.parametrize("item", [1, "text", None, [], True])
def test_an_item_that_is_no_object_is_named_with_its_place(db: Connection[Any], item: Any) -> None:
    with refused(db, "ML422", "memory 2"):
        call(db, "remember_many", namespace="n", memories=[{"content": "good"}, item])


def test_a_field_that_does_not_exist_is_named(db: Connection[Any]) -> None:
    with refused(db, "ML422", "memory 2", "importence", "importance"):
        call(
            db,
            "remember_many",
            namespace="n",
            memories=[*batch("good"), {"content": "x", "importence": 1}],
        )


def test_vectors_come_beside_their_memories(db: Connection[Any]) -> None:
    answer = call(
        db,
        "remember_many",
        namespace="n",
        memories=batch("a", "b", "c"),
        embeddings=[vector(1), None, vector(0, 1)],
    )
    assert [row["has_embedding"] for row in answer] == [True, False, True]
    nearest = call(db, "search", namespace="n", embedding=vector(0, 1))
    assert [row["id"] for row in nearest] == [answer[2]["id"], answer[0]["id"]]


@pytest.mark.parametrize(
    ("embeddings", "words"),
    [
        ([vector(1)], ["2 memories came with 1 vectors"]),
        ([vector(1), vector(1), vector(1)], ["2 memories came with 3 vectors"]),
        ([vector(1), vector(1, dim=DIM - 1)], ["memory 2", "test-model", str(DIM)]),
        ([vector(0), vector(1)], ["memory 1", "embedding does not fit"]),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    db: Connection[Any], embeddings: list[Any], words: list[str]
) -> None:
    with refused(db, "ML422", *words):
        call(db, "remember_many", namespace="n", memories=batch("a", "b"), embeddings=embeddings)
    assert value(db, "select count(*) from memory._memories where namespace = 'n'") == 0


def test_vectors_need_a_model(db: Connection[Any]) -> None:
    db.execute("update memory_data.embedding_model set active = false")
    with refused(db, "ML422", "no embedding model"):
        call(db, "remember", namespace="n", content="x", embedding=vector(1))
    assert one(db, "remember", namespace="n", content="x")["created"]
