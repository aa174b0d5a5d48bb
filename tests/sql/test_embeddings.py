"""memory.pending_embeddings, write_embeddings, note_embedding_failure, without_embedding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, found, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection


def remembered(db: Connection[Any], content: str = "first", **fields: Any) -> Any:
    return one(db, "remember", **({"namespace": "n", "content": content} | fields))["id"]


def write(db: Connection[Any], *pending: dict[str, Any], model: str = "test-model") -> list[Any]:
    answer = call(
        db, "write_embeddings", namespaces=[row["namespace"] for row in pending],
        ids=[row["id"] for row in pending], documents=[row["document"] for row in pending],
        embeddings=[vector(1, i) for i in range(len(pending))], model=model,
    )  # fmt: skip
    return [row["id"] for row in answer]


def test_what_waits_comes_oldest_first_from_every_layer_and_namespace(db: Connection[Any]) -> None:
    ids = [
        remembered(db, f"memory {i}", kind=kind, namespace=f"n{i % 2}")
        for i, kind in enumerate(("core_concept", "user_interaction", "pattern") * 2)
    ]
    remembered(db, "has one", embedding=vector(1))
    assert [row["id"] for row in call(db, "pending_embeddings")] == ids
    first = call(db, "pending_embeddings", limit=2)
    assert first == [
        {"namespace": "n0", "id": ids[0], "document": "memory 0"},
        {"namespace": "n1", "id": ids[1], "document": "memory 1"},
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
        db, "select size, pg_column_size(embedding) as vector from memory_data.interact"
        " where id = %s", before,
    )  # fmt: skip
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
        db, "write_embeddings", namespaces=["n", "n"], ids=[bad, good], documents=["bad", "good"],
        embeddings=[vector(0), vector(1)], model="test-model",
    )  # fmt: skip
    assert [row["id"] for row in answer] == [good]
    assert value(db, "select attempts from memory_data.embedding_failure where id = %s", bad) == 1
    # not before its next attempt
    assert call(db, "pending_embeddings") == []


def test_vectors_of_another_dimension_are_refused(db: Connection[Any]) -> None:
    memory = remembered(db)
    with refused(db, "ML422", "do not fit", "8 dimensions"):
        call(
            db, "write_embeddings", namespaces=["n"], ids=[memory], documents=["first"],
            embeddings=[vector(1, dim=7)], model="test-model",
        )  # fmt: skip


def test_expired_memories_wait_for_nothing(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = remembered(db, now=now)
    at = {"namespace": "n", "ids": [memory]}
    later = now + timedelta(days=1)
    assert call(db, "pending_embeddings", now=later) == []
    assert call(db, "without_embedding", **at, now=later) == []
    assert call(db, "without_embedding", **at, now=now) == [{"without_embedding": memory}]


def test_a_failing_text_waits_twice_as_long_each_time_at_most_a_day(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    # permanent, for two weeks of attempts
    memory = remembered(db, kind="core_concept", now=now)
    minutes = []
    for attempt in range(1, 15):
        row = one(db, "note_embedding_failure", namespace="n", id=memory, error="x" * 600, now=now)
        assert row["attempts"] == attempt
        again = row["next_attempt_at"]
        assert call(db, "pending_embeddings", now=again - timedelta(seconds=1)) == []
        assert [row["id"] for row in call(db, "pending_embeddings", now=again)] == [memory]
        minutes.append((again - now).total_seconds() / 60)
        now = again
    assert minutes == [min(2**i, 1440) for i in range(14)]
    assert value(db, "select length(last_error) from memory_data.embedding_failure") == 500


def test_success_ends_the_waiting(db: Connection[Any]) -> None:
    memory = remembered(db)
    pending = call(db, "pending_embeddings")
    call(db, "note_embedding_failure", namespace="n", id=memory, error="once")
    assert write(db, *pending) == [memory]
    assert value(db, "select count(*) from memory_data.embedding_failure") == 0
