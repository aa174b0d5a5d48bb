"""Idempotency keys of memory.remember and remember_many, and memory.purge_expired_keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused, session, until_waiting, value

if TYPE_CHECKING:
    from psycopg import Connection

MEMORIES = [{"content": "one"}, {"content": "two", "kind": "pattern"}]


def test_a_retried_write_answers_as_the_first_time(db: Connection[Any]) -> None:
    request = {"namespace": "n", "memories": MEMORIES, "idempotency_key": "k"}
    first = call(db, "remember_many", **request)
    call(db, "forget", namespace="n", ids=[first[0]["id"]])
    assert call(db, "remember_many", **request) == first
    # answered from what was kept: the forgotten memory was not stored again
    assert value(db, "select count(*) from memory._memories where namespace = 'n'") == 1


def test_a_key_used_for_another_request_is_a_conflict(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="one", idempotency_key="k")
    with refused(db, "ML409", '"k"', "another request"):
        one(db, "remember", namespace="n", content="two", idempotency_key="k")
    assert value(db, "select count(*) from memory._memories where namespace = 'n'") == 1


def test_a_key_belongs_to_its_namespace(db: Connection[Any]) -> None:
    first = one(db, "remember", namespace="n", content="one", idempotency_key="k")
    other = one(db, "remember", namespace="m", content="another", idempotency_key="k")
    assert other["created"]
    assert other["id"] != first["id"]


def test_a_refused_write_keeps_no_answer(db: Connection[Any]) -> None:
    with refused(db, "ML422"):
        one(db, "remember", namespace="n", content="", idempotency_key="k")
    assert one(db, "remember", namespace="n", content="mended", idempotency_key="k")["created"]


def test_a_key_has_1_to_200_characters(db: Connection[Any]) -> None:
    for key in ("", "x" * 201):
        with refused(db, "ML422", "idempotency key"):
            one(db, "remember", namespace="n", content="one", idempotency_key=key)


def test_a_retry_that_races_its_original_answers_the_same(clone_url: str) -> None:
    request = {"namespace": "n", "memories": MEMORIES, "idempotency_key": "k"}
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        with first.transaction():
            original = call(first, "remember_many", **request)
            retry = pool.submit(call, second, "remember_many", **request)
            until_waiting(second, retry)
        assert retry.result(60) == original
        assert all(row["created"] for row in original)
        assert value(first, "select count(*) from memory._memories") == 2


def test_keys_are_purged_after_their_hours(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    for hours in (0, 23, 25, 26):
        key = f"k{hours}"
        one(db, "remember", namespace="n", content=key, idempotency_key=key, now=now)
        db.execute(
            "update memory_data.idempotency set at = %s where key = %s",
            (now - timedelta(hours=hours), key),
        )
    (oldest,) = call(db, "purge_expired_keys", now=now, limit=1)
    assert oldest == {"namespace": "n", "key": "k26"}
    assert [row["key"] for row in call(db, "purge_expired_keys", now=now)] == ["k25"]
    assert call(db, "purge_expired_keys", now=now) == []
    assert value(db, "select count(*) from memory_data.idempotency") == 2


def test_one_purge_runs_at_a_time(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        one(first, "remember", namespace="n", content="x", idempotency_key="k")
        later = datetime.now(UTC) + timedelta(days=3)
        with first.transaction():
            assert len(call(first, "purge_expired_keys", now=later)) == 1
            assert call(second, "purge_expired_keys", now=later) == []
