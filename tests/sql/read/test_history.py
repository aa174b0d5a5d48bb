"""memory.history: what happened to a memory, in order, and what stays when it is gone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused

if TYPE_CHECKING:
    from psycopg import Connection


def test_everything_that_happened_is_told_in_order(db: Connection[Any]) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    made = one(db, "remember", namespace="n", content="x", kind="pattern", session="s", now=noon)
    at = {"namespace": "n", "id": made["id"]}

    def after(minutes: int) -> datetime:
        return noon + timedelta(minutes=minutes)

    for minutes in (1, 2):
        call(db, "touch", namespace="n", ids=[at["id"]], source="get", now=after(minutes))
    call(db, "touch", namespace="n", ids=[at["id"]], source="get", now=after(1 + 24 * 60))
    call(db, "update_memory", **at, changes={"pinned": True}, now=after(3))
    call(db, "rate", **at, rating=4.0, session="s", now=after(4))
    told = call(db, "history", **at)
    assert [(event["at"], event["event"]) for event in told] == [
        (noon, "created"),
        (after(1), "used"),
        (after(3), "edited"),
        (after(4), "rated"),
        (after(1 + 24 * 60), "used"),
    ]
    assert told[0]["detail"] == {"kind": "pattern", "layer": "insights", "session": "s"}
    assert told[1]["detail"] == {"times": 2, "source": "get"}
    assert told[2]["detail"]["before"]["pinned"] is False
    assert told[3]["detail"] == {"rating": 4, "session": "s"}


def test_an_expired_memorys_texts_are_not_told(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = {"namespace": "n", "id": one(db, "remember", namespace="n", content="x", now=now)["id"]}
    call(db, "update_memory", **at, changes={"content": "y"}, now=now)
    call(db, "rate", **at, rating=4.0, now=now)
    told = call(db, "history", **at, now=now + timedelta(days=1))
    assert [event["event"] for event in told] == ["rated", "expire"]


def test_a_memory_nobody_knows_is_refused(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="x")
    for namespace, memory in (("n", uuid.uuid4()), ("m", made["id"])):
        with refused(db, "ML404", str(memory)):
            call(db, "history", namespace=namespace, id=memory)
