"""memory.pending_embeddings, write_embeddings, note_embedding_failure, without_embedding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.sql.calls import call, found, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection


def remembered(db: Connection[Any], content: str = "first", **fields: Any) -> Any:
    return one(db, "remember", **({"namespace": "n", "content": content} | fields))["id"]


def write(db: Connection[Any], *pending: dict[str, Any], model: str = "test-model") -> list[Any]:
    answer = call(
        db,
        "write_embeddings",
        namespaces=[row["namespace"] for row in pending],
        ids=[row["id"] for row in pending],
        documents=[row["document"] for row in pending],
        embeddings=[vector(1, i) for i in range(len(pending))],
        model=model,
    )
    return [row["id"] for row in answer]


def test_what_waits_comes_oldest_first_from_every_layer_and_namespace(db: Connection[Any]) -> None:
    # six memories of two namespaces in turn
    ids = [
        remembered(db, f"memory {i}", kind=kind, namespace=f"n{i % 2}")
        for i, kind in enumerate(("core_concept", "user_interaction", "pattern") * 2)
    ]
    remembered(db, "has one", embedding=vector(1))
    assert [row["id"] for row in call(db, "pending_embeddings")] == ids
    first = call(db, "pending_embeddings", limit=2)
    assert first == [
        {"namespace": "n0", "id": ids[0], "document": "memory 0", "attempts": 0},
        {"namespace": "n1", "id": ids[1], "document": "memory 1", "attempts": 0},
    ]


def test_the_text_to_embed_names_date_and_speaker(db: Connection[Any]) -> None:
    for metadata, document in (
        ({"speaker": "Ann", "date": "2023-05-08"}, "[8 May 2023] Ann: hello"),
        ({"author": "Bob", "timestamp": "1:56 pm on 8 May"}, "[1:56 pm on 8 May] Bob: hello"),
        ({"actor": "Cy"}, "Cy: hello"),
        ({"date": "2023-02-31"}, "[2023-02-31] hello"),
        ({"mood": "fine"}, "hello"),
    ):
        memory = remembered(db, "hello", metadata=metadata)
        pending = {row["id"]: row["document"] for row in call(db, "pending_embeddings")}
        assert pending[memory] == document


def test_written_vectors_are_searched_and_no_longer_pending(db: Connection[Any]) -> None:
    before = remembered(db)
    size = value(db, "select size from memory_data.interact where id = %s", before)
    assert write(db, *call(db, "pending_embeddings")) == [before]
    assert call(db, "pending_embeddings") == []
    assert found(db, "n", embedding=vector(1)) == ["first"]
    (row,) = rows(
        db,
        "select size, pg_column_size(embedding) as vector from memory_data.interact where id = %s",
        before,
    )
    assert abs(row["size"] - size - row["vector"]) <= 3


def test_a_text_that_changed_meanwhile_is_left_out(db: Connection[Any]) -> None:
    changed, kept = remembered(db, "changes"), remembered(db, "stays")
    pending = call(db, "pending_embeddings")
    call(db, "update_memory", namespace="n", id=changed, changes={"content": "another text"})
    assert write(db, *pending) == [kept]
    assert [row["document"] for row in call(db, "pending_embeddings")] == ["another text"]


def test_changed_metadata_that_is_embedded_counts_too(db: Connection[Any]) -> None:
    memory = remembered(db)
    pending = call(db, "pending_embeddings")
    call(db, "update_memory", namespace="n", id=memory, changes={"metadata": {"speaker": "Ann"}})
    assert write(db, *pending) == []


def test_a_vector_that_is_there_is_not_overwritten(db: Connection[Any]) -> None:
    memory = remembered(db)
    pending = call(db, "pending_embeddings")
    assert write(db, *pending) == [memory]
    assert write(db, *pending) == []


def test_a_forgotten_memory_is_left_out(db: Connection[Any]) -> None:
    memory = remembered(db)
    pending = call(db, "pending_embeddings")
    call(db, "forget", namespace="n", ids=[memory])
    assert write(db, *pending) == []


def test_another_models_vectors_are_refused(db: Connection[Any]) -> None:
    remembered(db)
    pending = call(db, "pending_embeddings")
    with refused(db, "ML409", "other-model", "test-model"):
        write(db, *pending, model="other-model")
    db.execute("update memory_data.embedding_model set active = false")
    with refused(db, "ML409", "none"):
        write(db, *pending)


@pytest.mark.own_clock
def test_a_vector_of_zeros_is_a_failed_attempt_and_holds_nothing_up(db: Connection[Any]) -> None:
    bad, good = remembered(db, "bad"), remembered(db, "good")
    answer = call(
        db,
        "write_embeddings",
        namespaces=["n", "n"],
        ids=[bad, good],
        documents=["bad", "good"],
        embeddings=[vector(0), vector(1)],
        model="test-model",
    )
    assert [row["id"] for row in answer] == [good]
    assert value(db, "select attempts from memory_data.embedding_failure where id = %s", bad) == 1
    # not before its next attempt
    assert call(db, "pending_embeddings") == []


def test_vectors_of_another_dimension_are_refused(db: Connection[Any]) -> None:
    memory = remembered(db)
    with refused(db, "ML422", "do not fit", "8 dimensions"):
        call(
            db,
            "write_embeddings",
            namespaces=["n"],
            ids=[memory],
            documents=["first"],
            embeddings=[vector(1, dim=7)],
            model="test-model",
        )


def test_expired_memories_wait_for_nothing(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = remembered(db, now=now)
    at = {"namespace": "n", "ids": [memory]}
    later = now + timedelta(days=1)
    assert call(db, "pending_embeddings", now=later) == []
    assert call(db, "without_embedding", **at, now=later) == []
    assert call(db, "without_embedding", **at, now=now) == [{"without_embedding": memory}]


def test_a_failing_text_waits_twice_as_long_each_time_and_is_set_aside(
    db: Connection[Any],
) -> None:
    now = datetime.now(UTC)
    memory = remembered(db, kind="core_concept", now=now)
    minutes = []
    for attempt in range(1, 8):
        row = one(db, "note_embedding_failure", namespace="n", id=memory, error="x" * 600, now=now)
        assert row["attempts"] == attempt
        again = row["next_attempt_at"]
        assert call(db, "pending_embeddings", now=again - timedelta(seconds=1)) == []
        (pending,) = call(db, "pending_embeddings", now=again)
        assert (pending["id"], pending["attempts"]) == (memory, attempt)
        minutes.append((again - now).total_seconds() / 60)
        now = again
    assert minutes == [2**i for i in range(7)]
    assert value(db, "select length(last_error) from memory_data.embedding_failure") == 500
    last = one(db, "note_embedding_failure", namespace="n", id=memory, error="for good", now=now)
    assert last == {"attempts": 8, "next_attempt_at": None}
    assert call(db, "pending_embeddings", now=now + timedelta(days=999)) == []


def test_the_pause_is_at_most_a_day_and_the_tries_are_a_setting(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = remembered(db, kind="core_concept", now=now)
    at = {"namespace": "n", "id": memory, "error": "x", "now": now}
    db.execute("update memory_data.setting set value = '14' where key = 'embedding_attempts'")
    for _ in range(13):
        row = one(db, "note_embedding_failure", **at)
    assert row["next_attempt_at"] == now + timedelta(days=1)
    assert one(db, "note_embedding_failure", **at)["next_attempt_at"] is None
    db.execute("update memory_data.setting set value = '1' where key = 'embedding_attempts'")
    at["id"] = remembered(db, "another")
    assert one(db, "note_embedding_failure", **at) == {"attempts": 1, "next_attempt_at": None}


def set_aside(db: Connection[Any], content: str = "bad", **fields: Any) -> Any:
    memory = remembered(db, content, **fields)
    for _ in range(8):
        call(
            db,
            "note_embedding_failure",
            namespace=fields.get("namespace", "n"),
            id=memory,
            error="HTTP 500",
        )
    return memory


def condition(db: Connection[Any], name: str) -> dict[str, Any]:
    return next(row for row in call(db, "check_database") if row["condition"] == name)


def test_what_is_set_aside_is_listed_without_its_content_and_told_by_check(
    db: Connection[Any],
) -> None:
    waits, bad = remembered(db, "waits"), set_aside(db, "secret", namespace="m")
    trying = remembered(db, "is tried")
    call(db, "note_embedding_failure", namespace="n", id=trying, error="HTTP 500")
    remembered(db, "has one", embedding=vector(1))
    listed = {row["id"]: row for row in rows(db, "select * from memory.unembedded")}
    assert set(listed) == {waits, bad, trying}
    assert listed[waits]["attempts"] == 0
    assert (listed[waits]["set_aside"], listed[trying]["set_aside"]) == (False, False)
    assert listed[trying]["next_attempt_at"] is not None
    assert listed[bad] == {
        "namespace": "m",
        "id": bad,
        "layer": "interact",
        "attempts": 8,
        "last_error": "HTTP 500",
        "next_attempt_at": None,
        "set_aside": True,
    }
    told = condition(db, "texts without vector")
    assert (told["ok"], told["needed"]) == (False, False)
    assert "1 set aside after 8 tries" in told["detail"]
    assert "HTTP 500" in told["detail"]
    assert "secret" not in str(told)
    # what nobody tries does not wait
    assert condition(db, "waiting for vectors")["detail"] == "2 memories"
    db.execute(told["hint"])
    assert condition(db, "texts without vector")["ok"]
    assert {row["id"] for row in call(db, "pending_embeddings")} == {waits, bad, trying}


def test_some_are_tried_again_by_namespace_and_id(db: Connection[Any]) -> None:
    one_, two, other = set_aside(db), set_aside(db, "bad too"), set_aside(db, namespace="m")
    assert [row["id"] for row in call(db, "retry_embeddings", namespace="n", ids=[two])] == [two]
    assert [row["id"] for row in call(db, "retry_embeddings", namespace="m")] == [other]
    assert [row["id"] for row in call(db, "retry_embeddings", limit=5)] == [one_]
    assert call(db, "retry_embeddings") == []


def test_an_edit_of_the_words_begins_anew_and_no_other_edit_does(db: Connection[Any]) -> None:
    memory = set_aside(db)
    call(db, "update_memory", namespace="n", id=memory, changes={"importance": 0.9})
    assert call(db, "pending_embeddings") == []
    call(db, "update_memory", namespace="n", id=memory, changes={"content": "good"})
    (pending,) = call(db, "pending_embeddings")
    assert (pending["id"], pending["attempts"]) == (memory, 0)


def test_a_shortened_text_has_a_vector_and_says_so_until_it_is_edited(db: Connection[Any]) -> None:
    memory, whole = remembered(db, "long text"), remembered(db, "short")
    pending = call(db, "pending_embeddings")
    call(db, "note_embedding_failure", namespace="n", id=memory, error="HTTP 500")
    for _ in range(2):  # another service's vector comes too late, and changes nothing
        call(
            db,
            "write_embeddings",
            namespaces=["n", "n"],
            ids=[memory, whole],
            documents=[row["document"] for row in pending],
            embeddings=[vector(1), vector(1, 1)],
            model="test-model",
            shortened=[4, None],
            reasons=["HTTP 413", None],
        )
    assert rows(db, "select * from memory.shortened") == [
        {"namespace": "n", "id": memory, "characters": 4, "reason": "HTTP 413"}
    ]
    assert rows(db, "select * from memory.unembedded") == []
    assert "1 have a vector of their beginning only" in condition(db, "shortened texts")["detail"]
    assert call(db, "retry_embeddings") == []
    call(db, "update_memory", namespace="n", id=memory, changes={"content": "short text"})
    assert rows(db, "select * from memory.shortened") == []


def test_namespaces_take_turns(db: Connection[Any]) -> None:
    many = [remembered(db, f"a {i}", namespace="a") for i in range(10)]
    few = [remembered(db, f"{n} {i}", namespace=n) for n in ("c", "b") for i in range(2)]
    batch = call(db, "pending_embeddings", limit=6)
    assert [row["namespace"] for row in batch] == ["a", "b", "c", "a", "b", "c"]
    assert [row["id"] for row in batch] == [many[0], few[2], few[0], many[1], few[3], few[1]]
    # behind the one that came last before, and around
    after = call(db, "pending_embeddings", limit=3, after="b")
    assert [row["namespace"] for row in after] == ["c", "a", "b"]
    assert [row["namespace"] for row in call(db, "pending_embeddings", limit=2, after="z")] == [
        "a",
        "b",
    ]
    # everything there is, each once
    everything = call(db, "pending_embeddings", limit=100, after="a")
    assert sorted(row["id"] for row in everything) == sorted([*many, *few])


def test_more_namespaces_than_places_all_have_their_turn(db: Connection[Any]) -> None:
    for number in range(7):
        for name in range(2):
            remembered(db, f"{name}", namespace=f"n{number}")
    seen, after = [], None
    for _ in range(4):
        batch = call(db, "pending_embeddings", limit=3, after=after)
        seen += [row["namespace"] for row in batch]
        after = seen[-1]
    assert seen[:7] == [f"n{number}" for number in range(7)]
    assert seen[7:] == [f"n{number}" for number in range(5)]


def test_those_set_aside_hide_nobody_behind_them(db: Connection[Any]) -> None:
    for number in range(5):
        set_aside(db, f"bad {number}", namespace=f"bad {number}")
        set_aside(db, f"bad {number}", namespace="z")
    good = remembered(db, "good", namespace="z")
    assert [row["id"] for row in call(db, "pending_embeddings", limit=2)] == [good]


def test_what_somebody_waits_for_comes_first_and_may_come_alone(db: Connection[Any]) -> None:
    for number in range(5):
        remembered(db, f"a {number}", namespace="a")
    wanted = [remembered(db, f"z {i}", namespace="z") for i in range(3)]
    named = {"namespaces": ["z", "z", "other"], "ids": [wanted[2], wanted[0], uuid4()]}
    batch = call(db, "pending_embeddings", limit=4, **named)
    assert [row["id"] for row in batch[:2]] == [wanted[2], wanted[0]]
    assert [row["namespace"] for row in batch[2:]] == ["a", "z"]
    assert batch[3]["id"] == wanted[1]
    alone = call(db, "pending_embeddings", limit=4, others=False, **named)
    assert [row["id"] for row in alone] == [wanted[2], wanted[0]]
    assert call(db, "pending_embeddings", others=False) == []


def test_success_ends_the_waiting(db: Connection[Any]) -> None:
    memory = remembered(db)
    pending = call(db, "pending_embeddings")
    call(db, "note_embedding_failure", namespace="n", id=memory, error="once")
    assert write(db, *pending) == [memory]
    assert value(db, "select count(*) from memory_data.embedding_failure") == 0
