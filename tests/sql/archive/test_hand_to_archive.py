"""memory._hand_to_archive: out of the layer and into the outbox at one instant, whole."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import MODEL
from tests.sql.archiving import LAYERS, hand, keep, picture
from tests.sql.calls import call, found, one, refused, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from psycopg import Connection


@pytest.mark.parametrize("layer", LAYERS)
def test_a_memory_leaves_its_layer_with_all_that_hangs_on_it(
    db: Connection[Any], layer: str
) -> None:
    now = datetime.now(UTC)
    memory, other = keep(db, "goes", now, layer=layer), keep(db, "stays", now, layer=layer)
    before = picture(db, memory)
    token = value(db, "select memory.change_token('n')")
    (gone,) = hand(db, [memory], now, layer=layer)
    assert (gone["namespace"], gone["id"], gone["kind"]) == ("n", memory, LAYERS[layer])
    assert value(db, "select memory.change_token('n')") != token

    assert found(db, "n", "goes", now=now) == []
    assert found(db, "n", embedding=vector(0.1), now=now) == ["stays"]
    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=memory, now=now)
    row = one(db, "archive_batch")
    assert gone["size"] == row["size"]
    whole = before["memory"][0]["row"]
    for field in ("content", "session", "turn", "language", "pinned", "size"):
        assert row[field] == whole[field], field
    assert row["content_hash"] == before["memory"][0]["content_hash"]
    stored = value(db, "select embedding::text from memory_data.archive_outbox")
    assert stored == before["memory"][0]["embedding"]
    assert row["model"] == MODEL
    assert json.loads(row["metadata"]) == whole["metadata"]
    assert (row["layer"], row["reason"], row["archived_at"]) == (layer, "test", now)
    for field in ("access_count", "first_access", "last_access", "rating_sum", "rating_count"):
        assert row[field] == before["usage"][0][field], field
    assert [edit["importance"] for edit in json.loads(row["revisions"])] == [0.3]
    assert [event["source"] for event in json.loads(row["events"])] == ["touch", "rate"]

    # events stay for the training, the rest went along; the other memory is whole
    left = picture(db, memory)
    assert left == {"memory": [], "usage": [], "revisions": [], "events": before["events"]}
    assert all(picture(db, other).values())


def test_the_decision_says_why_and_the_history_goes_on(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "goes", now)
    before = call(db, "history", namespace="n", id=memory, now=now)
    hand(db, [memory], now)
    after = call(db, "history", namespace="n", id=memory, now=now)
    assert after[:-1] == before
    assert (after[-1]["at"], after[-1]["event"]) == (now, "archive")
    assert after[-1]["detail"] == {
        "detail": {"reason": "test"},
        "kind": "user_interaction",
        "layer": "interact",
        "records": 1,
        "actor": f"login {value(db, 'select session_user')}",
    }


def test_what_is_pinned_expired_or_elsewhere_stays(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    pinned = one(db, "remember", namespace="n", content="pinned", pinned=True, now=now)["id"]
    short = one(db, "remember", namespace="n", content="short", ttl="1 hour", now=now)["id"]
    above = one(db, "remember", namespace="n", content="above", kind="pattern", now=now)["id"]
    theirs = one(db, "remember", namespace="m", content="theirs", now=now)["id"]
    named = [pinned, above, theirs, uuid.uuid4(), None]
    assert hand(db, named, now) == []
    end = now + timedelta(hours=1)
    assert hand(db, [short], end) == []
    assert value(db, "select count(*) from memory_data.archive_outbox") == 0
    assert [row["id"] for row in hand(db, [short], end - timedelta(microseconds=1))] == [short]
    assert value(db, "select count(*) from memory._memories") == 3


def test_named_twice_or_never_used_it_goes_once(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = one(db, "remember", namespace="n", content="never used", now=now)["id"]
    assert len(hand(db, [memory, memory], now)) == 1
    (row,) = rows(db, "select usage, revisions, events, embedding from memory_data.archive_outbox")
    assert row == {
        "usage": None,
        "revisions": [],
        "events": [],
        "embedding": None,
    }
    assert hand(db, [], now) == []


def test_a_layer_that_is_none_is_refused(db: Connection[Any]) -> None:
    for layer in ("attic", "usage", None):
        with refused(db, "ML404", "interact, insights, assets"):
            hand(db, [uuid.uuid4()], datetime.now(UTC), layer=layer)


def test_a_pin_set_while_it_waits_keeps_the_memory(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as editor, session(clone_url) as mover, ThreadPoolExecutor(1) as pool:
        memory = one(editor, "remember", namespace="n", content="held", now=now)["id"]
        with editor.transaction():
            call(editor, "update_memory", namespace="n", id=memory, changes={"pinned": True})
            work = pool.submit(hand, mover, [memory], now)
            until_waiting(mover, work)
        assert work.result() == []
        assert one(editor, "get", namespace="n", id=memory)["pinned"]


def test_forgotten_while_it_moves_it_is_in_neither_place(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as mover, session(clone_url) as eraser, ThreadPoolExecutor(1) as pool:
        memory = keep(mover, "goes", now)
        with mover.transaction():
            hand(mover, [memory], now)
            work = pool.submit(call, eraser, "forget", namespace="n", ids=[memory])
            until_waiting(eraser, work)
        assert [row["id"] for row in work.result()] == [memory]
        assert value(mover, "select count(*) from memory_data.archive_outbox") == 0
        assert picture(mover, memory) == {"memory": [], "usage": [], "revisions": [], "events": []}


def test_two_movers_take_it_once(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(1) as pool:
        memories = [keep(first, f"number {i}", now) for i in range(5)]
        with first.transaction():
            assert len(hand(first, memories, now)) == 5
            work = pool.submit(hand, second, memories[::-1], now)
            until_waiting(second, work)
        assert work.result() == []
        assert value(first, "select count(*) from memory_data.archive_outbox") == 5
        assert value(first, "select count(*) from memory_data.decision") == 5
