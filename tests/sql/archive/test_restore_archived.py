"""memory.restore_outbox, restore_archived, find_archived: back as it was, once, to a new life."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.archiving import LAYERS, hand, keep, picture, register
from tests.sql.calls import call, found, one, refused, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

LIFE = {"interact": timedelta(hours=24), "insights": timedelta(days=90), "assets": None}


def filed(db: Connection[Any], memory: uuid.UUID) -> dict[str, Any]:
    """The record in the outbox as a file gives it back."""
    (row,) = rows(
        db,
        "select to_jsonb(o) || jsonb_build_object('embedding', o.embedding::text,"
        " 'model', (select e.name from memory_data.embedding_model as e where e.id = o.model),"
        " 'metadata', o.metadata::text, 'usage', o.usage::text, 'events', o.events::text,"
        " 'revisions', o.revisions::text,"
        " 'expires_at', nullif(o.expires_at, 'infinity')) as record"
        " from memory_data.archive_outbox as o where o.id = %s",
        memory,
    )
    record: dict[str, Any] = row["record"]
    return record


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("place", ["outbox", "file"])
def test_it_comes_back_as_it_was(db: Connection[Any], layer: str, place: str) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "comes back", now, layer=layer)
    before, history = picture(db, memory), call(db, "history", namespace="n", id=memory, now=now)
    hand(db, [memory], now, layer=layer)
    record = filed(db, memory)
    later = now + timedelta(minutes=5)
    arguments: dict[str, Any] = {"namespace": "n", "now": later}
    if place == "file":
        archive = register(db, now)
        arguments |= {"archive": archive, "records": [record]}
        function = "restore_archived"
    else:
        arguments |= {"ids": [memory]}
        function = "restore_outbox"
    (told,) = call(db, function, **arguments, dry_run=True)
    assert picture(db, memory)["memory"] == []
    assert call(db, function, **arguments) == [told]
    assert (told["id"], told["layer"], told["outcome"]) == (memory, layer, "restored")

    assert picture(db, memory) == before
    back = one(db, "get", namespace="n", id=memory, now=later)
    assert back["entered_at"] == later
    assert back["expires_at"] == (None if LIFE[layer] is None else later + LIFE[layer])
    assert found(db, "n", "comes back", now=later) == ["comes back"]
    events = call(db, "history", namespace="n", id=memory, now=later)
    assert events[: len(history)] == history
    assert [event["event"] for event in events[len(history) :]] == ["archive", "restore"]
    assert value(db, "select count(*) from memory_data.archive_outbox") == 0
    # it left the archive: nothing to be brought back a second time
    assert call(db, function, **arguments) == []
    assert call(db, "find_archived", namespace="n") == []


def test_what_lives_is_told_and_left(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "archived", now)
    hand(db, [memory], now)
    # a backup brought the memory back to its layer
    db.execute(
        "insert into memory_data.interact (namespace, id, kind, content, content_hash, search,"
        " language, created_at, entered_at, expires_at, size) values"
        " ('n', %s, 'user_interaction', 'lives', '', '', 'english', %s, %s, %s, 1)",
        (memory, now, now, now + timedelta(hours=1)),
    )
    (told,) = call(db, "restore_outbox", namespace="n", ids=[memory], now=now)
    assert told["outcome"] == "live"
    assert one(db, "get", namespace="n", id=memory, now=now)["content"] == "lives"
    assert value(db, "select count(*) from memory_data.archive_outbox") == 1
    # archived again, the newer copy counts
    assert len(hand(db, [memory], now)) == 1
    assert value(db, "select content from memory_data.archive_outbox") == "lives"


def test_of_two_copies_in_files_the_newer_is_found_and_both_are_spent(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "twice", now)
    for minute in (1, 2):
        hand(db, [memory], now + timedelta(minutes=minute))
        record = filed(db, memory)
        archive = register(db, now + timedelta(minutes=minute))
        if minute == 1:
            call(db, "restore_archived", namespace="n", archive=archive, records=[record], now=now)
            db.execute("update memory_data.archived set restored_at = null")
            db.execute("update memory_data.archive set restored = 0")
    (place,) = call(db, "find_archived", namespace="n")
    assert (place["archive"], place["ids"]) == (archive, [memory])
    call(db, "restore_archived", namespace="n", archive=archive, records=[record], now=now)
    assert value(db, "select count(restored_at) from memory_data.archived") == 2
    assert {row["state"] for row in rows(db, "select state from memory.archives")} == {"restored"}


def test_only_what_the_index_gives_to_that_file_comes_back(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memories = [keep(db, f"number {i}", now) for i in range(3)]
    hand(db, memories, now)
    records = [filed(db, memory) for memory in memories]
    archive = register(db, now)
    call(db, "forget", namespace="n", ids=memories[:1])
    arguments = {"records": records, "now": now}
    assert call(db, "restore_archived", namespace="m", archive=archive, **arguments) == []
    assert call(db, "restore_archived", namespace="n", archive=uuid.uuid4(), **arguments) == []
    back = call(db, "restore_archived", namespace="n", archive=archive, **arguments)
    assert {row["id"] for row in back} == set(memories[1:])


def test_find_names_files_and_outbox(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    first, second, waits = (keep(db, text, now) for text in ("one", "two", "three"))
    theirs = keep(db, "theirs", now, namespace="m")
    places = []
    for memory in (first, second):
        hand(db, [memory], now)
        hand(db, [theirs], now, namespace="m")
        now += timedelta(seconds=1)
        places.append(register(db, now))
    hand(db, [waits], now)
    told = call(db, "find_archived", namespace="n")
    assert [(row["archive"], row["ids"]) for row in told] == [
        (places[0], [first]),
        (places[1], [second]),
        (None, [waits]),
    ]
    (only,) = call(db, "find_archived", namespace="n", ids=[second, theirs])
    assert only["archive"] == places[1]
    assert call(db, "find_archived", namespace="n", file=only["file"])[0]["ids"] == [second]
    assert call(db, "find_archived", namespace="n", file=str(places[1]))[0]["ids"] == [second]
    assert call(db, "find_archived", namespace="n", file="none") == []
    with refused(db, "ML422"):
        call(db, "find_archived", namespace="")


def test_the_vector_of_a_replaced_model_is_made_anew(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "old model", now)
    hand(db, [memory], now)
    record = filed(db, memory) | {"model": "forgotten-model"}
    archive = register(db, now)
    call(db, "restore_archived", namespace="n", archive=archive, records=[record], now=now)
    back = one(db, "get", namespace="n", id=memory, now=now)
    assert not back["has_embedding"]
    assert memory in {row["id"] for row in call(db, "pending_embeddings", now=now)}


def test_uses_since_and_events_past_retention(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "old", now)
    hand(db, [memory], now)
    record = filed(db, memory)
    archive = register(db, now)
    # a use counted while it left, and a day whose events are past
    db.execute(
        "insert into memory_data.usage (namespace, id, access_count, first_access,"
        " last_access) values ('n', %s, 2, %s, %s)",
        (memory, now, now),
    )
    record["events"] = '[{"at": "2001-01-01T00:00:00+00:00", "source": "get"}]'
    record["revisions"] = (
        '[{"at": "2001-01-01T00:00:00+00:00", "content": "x", "kind": "pattern",'
        ' "metadata": {}, "importance": 0.5, "pinned": false}]'
    )
    call(db, "restore_archived", namespace="n", archive=archive, records=[record], now=now)
    (usage,) = picture(db, memory)["usage"]
    assert (usage["access_count"], usage["last_access"], usage["rating_count"]) == (3, now, 1)
    assert len(picture(db, memory)["events"]) == 2
    assert picture(db, memory)["revisions"] == []


def test_a_count_that_is_kept_since_then_begins_and_a_known_one_returns(
    db: Connection[Any],
) -> None:
    now = datetime.now(UTC)
    old = keep(db, "archived before", now)
    hand(db, [old], now)
    db.execute("alter table memory_data.usage add column newer integer not null default 7")
    young = keep(db, "archived since", now)
    db.execute("update memory_data.usage set newer = 9 where id = %s", (young,))
    hand(db, [young], now)
    call(db, "restore_outbox", namespace="n", ids=[old, young], now=now)
    counted = rows(db, "select id, newer, access_count from memory_data.usage order by id")
    assert counted == [
        {"id": old, "newer": 7, "access_count": 1},
        {"id": young, "newer": 9, "access_count": 1},
    ]


def test_restored_and_forgotten_at_once_it_is_gone(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as first, session(clone_url) as eraser, ThreadPoolExecutor(1) as pool:
        memory = keep(first, "comes and goes", now)
        hand(first, [memory], now)
        record = filed(first, memory)
        archive = register(first, now)
        with first.transaction():
            assert call(first, "restore_archived", namespace="n", archive=archive, records=[record])
            work = pool.submit(call, eraser, "forget", namespace="n", ids=[memory])
            until_waiting(eraser, work)
        assert [row["id"] for row in work.result()] == [memory]
        assert picture(first, memory) == {"memory": [], "usage": [], "revisions": [], "events": []}
        assert value(first, "select count(*) from memory_data.archive_erasure") == 1
        assert found(first, "n", embedding=vector(0.1)) == []


def test_two_restores_at_once_bring_it_back_once(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(1) as pool:
        memory = keep(first, "comes back", now)
        hand(first, [memory], now)
        with first.transaction():
            assert len(call(first, "restore_outbox", namespace="n", ids=[memory])) == 1
            work = pool.submit(call, second, "restore_outbox", namespace="n", ids=[memory])
            until_waiting(second, work)
        assert work.result() == []
        assert value(first, "select count(*) from memory._memories") == 1


@pytest.mark.parametrize("again", ["remembered", "archived too"])
def test_what_was_remembered_anew_is_not_shown_twice(db: Connection[Any], again: str) -> None:
    """A content lives once: an older copy stays in the archive, to be had when that is gone."""
    now = datetime.now(UTC)
    old = keep(db, "the same words", now)
    hand(db, [old], now)
    new = keep(db, "the same words", now)
    assert new != old
    ids = [old]
    if again == "archived too":
        hand(db, [new], now + timedelta(minutes=1))
        ids = [old, new]
    dry = call(db, "restore_outbox", namespace="n", ids=ids, now=now, dry_run=True)
    told = call(db, "restore_outbox", namespace="n", ids=ids, now=now)
    outcomes = {row["id"]: row["outcome"] for row in told}
    assert outcomes == {row["id"]: row["outcome"] for row in dry}
    assert outcomes[old] == "same content lives"
    assert outcomes.get(new, "restored") == "restored"
    assert found(db, "n", "same words", now=now) == ["the same words"]
    call(db, "forget", namespace="n", ids=[new], now=now)
    (told,) = call(db, "restore_outbox", namespace="n", ids=[old], now=now)
    assert told["outcome"] == "restored"
