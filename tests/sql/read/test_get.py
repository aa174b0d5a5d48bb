"""memory.get: one live memory with its use."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused, vector

if TYPE_CHECKING:
    from psycopg import Connection


def test_everything_about_a_memory_is_told(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = one(
        db,
        "remember",
        namespace="n",
        content="Ann likes tea",
        kind="snippet",
        session="s",
        metadata={"speaker": "Ann"},
        importance=0.75,
        pinned=True,
        embedding=vector(1),
        now=now,
    )
    row = one(db, "get", namespace="n", id=made["id"], now=now)
    size, etag = row.pop("bytes"), row.pop("etag")
    assert size > len("Ann likes tea")
    assert len(etag) == 32
    assert row == {
        "id": made["id"],
        "namespace": "n",
        "content": "Ann likes tea",
        "kind": "snippet",
        "layer": "insights",
        "session": "s",
        "turn": 1,
        "metadata": {"speaker": "Ann"},
        "language": "english",
        "importance": 0.75,
        "pinned": True,
        "created_at": now,
        "entered_at": now,
        "expires_at": now + timedelta(days=90),
        "has_embedding": True,
        "access_count": 0,
        "last_access": None,
        "rating": None,
        "rating_count": 0,
    }


def test_use_and_rating_are_told(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = {"namespace": "n", "id": one(db, "remember", namespace="n", content="x", now=now)["id"]}
    call(db, "touch", namespace="n", ids=[at["id"]], now=now)
    call(db, "rate", **at, rating=3.0, now=now)
    call(db, "rate", **at, rating=4.0, now=now)
    row = one(db, "get", **at, now=now)
    assert (row["access_count"], row["last_access"]) == (1, now)
    assert (row["rating"], row["rating_count"]) == (3.5, 2)


def test_what_is_not_there_is_named_with_a_command(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="x")
    nobody = uuid.uuid4()
    for namespace, memory in (("n", nobody), ("other", made["id"]), (None, made["id"])):
        with refused(db, "ML404", str(memory), "live"):
            call(db, "get", namespace=namespace, id=memory)
