"""memory.update_memory: edits in place, what is kept, what is made anew, what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import (
    call,
    found,
    one,
    refused,
    rows,
    session,
    until_waiting,
    value,
    vector,
)

if TYPE_CHECKING:
    from psycopg import Connection


def remembered(db: Connection[Any], **fields: Any) -> dict[str, Any]:
    """Arguments that name a new memory."""
    made = one(db, "remember", **({"namespace": "n", "content": "Ann likes tea"} | fields))
    return {"namespace": "n", "id": made["id"]}


def test_new_words_are_found_and_old_ones_are_not(db: Connection[Any]) -> None:
    at = remembered(db)
    answer = one(db, "update_memory", **at, changes={"content": "Ann prefers coffee"})
    assert answer["id"] == at["id"]
    assert found(db, "n", "coffee") == ["Ann prefers coffee"]
    assert found(db, "n", "tea") == []
    # the old text is unknown again, the new one known
    assert one(db, "remember", namespace="n", content="Ann likes tea")["created"]
    assert not one(db, "remember", namespace="n", content="Ann prefers coffee")["created"]


def test_only_what_is_named_changes(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(
        db,
        session="s",
        metadata={"speaker": "Ann"},
        importance=0.25,
        kind="pattern",
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
        ttl=timedelta(days=80),
        now=now,
    )
    before = one(db, "get", **at)
    for change in ({"importance": 0.5}, {"pinned": True}, {"kind": "snippet"}):
        call(db, "update_memory", **at, changes=change)
        after = one(db, "get", **at)
        assert after == before | change | {"bytes": after["bytes"], "etag": after["etag"]}
        before = after


@pytest.mark.parametrize("pinned", [False, True])
def test_what_would_equal_another_is_refused(db: Connection[Any], *, pinned: bool) -> None:
    now = datetime.now(UTC)
    first = remembered(db, pinned=pinned, now=now)
    second = remembered(db, content="Ann likes coffee", ttl="3 days", now=now)
    if pinned:
        now += timedelta(days=2)  # the first one waits for its next life
    with refused(db, "ML409", str(first["id"])):
        call(db, "update_memory", **second, changes={"content": "Ann likes tea"}, now=now)
    assert one(db, "get", **second, now=now)["content"] == "Ann likes coffee"
    call(db, "forget", namespace="n", ids=[first["id"]], now=now)
    call(db, "update_memory", **second, changes={"content": "Ann likes tea"}, now=now)


def test_two_that_become_equal_at_once_come_one_after_the_other(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(1) as pool:
        one_at, other_at = remembered(first, content="a"), remembered(first, content="b")
        with first.transaction():
            call(first, "update_memory", **one_at, changes={"content": "c"})
            work = pool.submit(call, second, "update_memory", **other_at, changes={"content": "c"})
            until_waiting(second, work)
        with pytest.raises(psycopg.Error, match="the same memory is there already"):
            work.result()


def test_what_says_the_same_stays_recognised(db: Connection[Any]) -> None:
    at = remembered(db, kind="pattern")
    # as a promotion does: another kind, the hash of before
    db.execute("update memory_data.insights set kind = 'solution'")
    call(db, "update_memory", **at, changes={"importance": 0.9, "pinned": True})
    assert not one(db, "remember", namespace="n", content="Ann likes tea", kind="pattern")[
        "created"
    ]
    call(db, "update_memory", **at, changes={"metadata": {"a": 1}})
    assert one(db, "remember", namespace="n", content="Ann likes tea", kind="pattern")["created"]


def test_a_pin_holds_from_the_moment_it_is_set(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    edited = remembered(db, content="a", ttl="5 seconds", now=now)
    stored = remembered(db, content="b", ttl="5 seconds", pinned=True, now=now)
    call(db, "update_memory", **edited, changes={"pinned": True}, now=now)
    for at in (edited, stored):
        found_later = one(db, "get", **at, now=now + timedelta(hours=23))
        assert found_later["expires_at"] == now + timedelta(hours=24)
    # while nothing runs for longer, it is not told again as if it were new
    later = now + timedelta(hours=25)
    again = one(db, "remember", namespace="n", content="b", now=later)
    assert (again["id"], again["created"]) == (stored["id"], False)


def test_a_pinned_memory_takes_no_ttl_and_nothing_is_changed_by_half(db: Connection[Any]) -> None:
    free, pinned = remembered(db, content="a"), remembered(db, content="b", pinned=True)
    for at, changes in (
        (free, {"pinned": True, "ttl": "1 hour", "importance": 0.9}),
        (pinned, {"ttl": 60, "importance": 0.9}),
        (pinned, {"pinned": True, "ttl": "30 days", "importance": 0.9}),
    ):
        before = one(db, "get", **at)
        with refused(db, "ML422"):
            call(db, "update_memory", **at, changes=changes)
        assert one(db, "get", **at) == before
    # what says one thing is obeyed
    now = datetime.now(UTC)
    answer = one(db, "update_memory", **pinned, changes={"pinned": False, "ttl": "1 hour"}, now=now)
    assert answer["expires_at"] == now + timedelta(hours=1)
    answer = one(db, "update_memory", **pinned, changes={"pinned": True, "ttl": None}, now=now)
    assert answer["expires_at"] == now + timedelta(hours=24)


def test_what_it_was_is_kept(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, metadata={"a": 1}, importance=0.25, now=now)
    call(db, "update_memory", **at, changes={"content": "Ann likes coffee"}, now=now)
    later = now + timedelta(minutes=1)
    call(db, "update_memory", **at, changes={"pinned": True, "metadata": {}}, now=later)
    kept = [
        (event["at"], event["detail"]["before"])
        for event in call(db, "history", **at)
        if event["event"] == "edited"
    ]
    first = {
        "content": "Ann likes tea",
        "kind": "user_interaction",
        "metadata": {"a": 1},
        "importance": 0.25,
        "pinned": False,
    }
    assert kept == [(now, first), (later, first | {"content": "Ann likes coffee"})]


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({"content": "Ann likes coffee"}, True),
        ({"metadata": {"speaker": "Bob"}}, True),
        ({"metadata": {"date": "2023-05-08"}}, True),
        ({"metadata": {"mood": "fine"}}, False),
        ({"content": "Ann likes tea"}, False),
        ({"importance": 0.9, "pinned": True}, False),
        ({"importance": 0.9, "ttl": "1 hour"}, False),
    ],
)
def test_a_changed_text_is_embedded_anew(
    db: Connection[Any], change: dict[str, Any], anew: bool
) -> None:
    at = remembered(db, embedding=vector(1))
    answer = one(db, "update_memory", **at, changes=change)
    assert answer["has_embedding"] is not anew
    waiting = [row["id"] for row in call(db, "pending_embeddings")]
    assert waiting == ([at["id"]] if anew else [])
    assert len(call(db, "search", namespace="n", embedding=vector(1))) == int(not anew)


def test_size_follows(db: Connection[Any]) -> None:
    at = remembered(db, embedding=vector(1))
    for change in ({"content": "Ann likes tea" * 10}, {"metadata": {"mood": "x" * 100}}):
        call(db, "update_memory", **at, changes=change)
        (row,) = rows(
            db,
            "select size, octet_length(content) + coalesce(pg_column_size(embedding), 0)"
            " + pg_column_size(search) + pg_column_size(metadata) as bytes"
            " from memory_data.interact where id = %s",
            at["id"],
        )
        assert abs(row["size"] - row["bytes"]) <= 9


def test_another_ttl_counts_from_now_and_moves_the_row(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now=now)
    where = "select tableoid::regclass::text from memory_data.interact where id = %s"
    before = value(db, where, at["id"])
    later = now + timedelta(hours=1)
    answer = one(db, "update_memory", **at, changes={"ttl": "72 hours"}, now=later)
    assert answer["expires_at"] == later + timedelta(hours=72)
    assert value(db, where, at["id"]) != before
    assert found(db, "n", "tea", now=later + timedelta(hours=71)) == ["Ann likes tea"]
    assert found(db, "n", "tea", now=later + timedelta(hours=72)) == []
    # null: the layer's own
    answer = one(db, "update_memory", **at, changes={"ttl": None}, now=later)
    assert answer["expires_at"] == later + timedelta(hours=24)


def test_a_ttl_longer_than_ever_is_within_reach_of_searches(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, embedding=vector(1), now=now)
    call(db, "update_memory", **at, changes={"ttl": "70 hours"}, now=now)
    assert found(db, "n", embedding=vector(1), now=now) == ["Ann likes tea"]


def test_the_language_is_detected_anew_unless_it_was_given(db: Connection[Any]) -> None:
    detected = remembered(db)
    given = remembered(db, content="Die Häuser am See", language="german")
    call(db, "update_memory", **detected, changes={"content": "Анна любит кофе"})
    call(db, "update_memory", **given, changes={"content": "Die Hütten am See"})
    assert one(db, "get", **detected)["language"] == "russian"
    assert one(db, "get", **given)["language"] == "german"
    call(db, "update_memory", **given, changes={"language": "english"})
    assert one(db, "get", **given)["language"] == "english"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "core_concept"}, ["core_concept", "assets", "interact", "promotion"]),
        ({"kind": "gossip"}, ["gossip", "session_data"]),
        ({"content": " "}, ["content is empty"]),
        ({"content": None}, ["content is empty"]),
        ({"importance": 2}, ["importance"]),
        ({"importance": "much"}, ["importance"]),
        ({"metadata": []}, ["metadata is not an object"]),
        ({"ttl": "-1 hour"}, ["ttl"]),
        ({"ttl": "1 year"}, ["ttl is longer"]),
        ({"language": "klingon"}, ["klingon"]),
        ({"session": "s"}, ['"session"', "cannot be changed"]),
        ({"namespace": "m"}, ['"namespace"', "cannot be changed"]),
        ({"created_at": "2024-01-01"}, ['"created_at"', "cannot be changed"]),
        ("[]", ["object"]),
        ("null", ["object"]),
        (None, ["object"]),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    db: Connection[Any], changes: Any, words: list[str]
) -> None:
    at = remembered(db)
    before = one(db, "get", **at)
    with refused(db, "ML422", *words):
        call(db, "update_memory", **at, changes=changes)
    assert one(db, "get", **at) == before
    assert value(db, "select count(*) from memory_data.revision") == 0


def test_what_is_gone_cannot_be_edited(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now=now)
    with refused(db, "ML404", str(at["id"])):
        call(db, "update_memory", **at, changes={"pinned": True}, now=now + timedelta(days=1))
    call(db, "forget", namespace="n", ids=[at["id"]])
    with refused(db, "ML404", str(at["id"])):
        call(db, "update_memory", **at, changes={"pinned": True})


def test_two_edits_at_once_both_hold(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        at = remembered(first)
        with first.transaction():
            call(first, "update_memory", **at, changes={"importance": 0.75})
            waiting = pool.submit(call, second, "update_memory", **at, changes={"pinned": True})
            until_waiting(second, waiting)
        waiting.result(60)
        row = one(first, "get", **at)
        assert (row["importance"], row["pinned"]) == (0.75, True)
        kept = rows(first, "select importance, pinned from memory_data.revision order by at")
        assert kept == [
            {"importance": 0.5, "pinned": False},
            {"importance": 0.75, "pinned": False},
        ]


def test_an_edit_that_races_forgetting_leaves_no_copy(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        at = remembered(first)
        with first.transaction():
            call(first, "forget", namespace="n", ids=[at["id"]])
            waiting = pool.submit(call, second, "update_memory", **at, changes={"pinned": True})
            until_waiting(second, waiting)
        error = waiting.exception(60)
        assert isinstance(error, psycopg.Error)
        assert error.sqlstate == "ML404"
        assert value(first, "select count(*) from memory_data.revision") == 0


def test_forgetting_that_races_an_edit_leaves_no_copy(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        at = remembered(first)
        with first.transaction():
            call(first, "update_memory", **at, changes={"content": "Ann likes coffee"})
            waiting = pool.submit(call, second, "forget", namespace="n", ids=[at["id"]])
            until_waiting(second, waiting)
        assert [row["id"] for row in waiting.result(60)] == [at["id"]]
        for table in ("interact", "revision"):
            assert value(first, f"select count(*) from memory_data.{table}") == 0  # noqa: S608


@pytest.mark.parametrize(
    "changes",
    [{"content": " "}, {"importance": 2}, {"kind": "none"}, {"metadata": [1]}, {"ttl": "x"}],
)
def test_a_fault_of_an_edit_is_told_as_one(db: Connection[Any], changes: dict[str, Any]) -> None:
    made = one(db, "remember", namespace="n", content="words")
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        call(db, "update_memory", namespace="n", id=made["id"], changes=changes)
    assert caught.value.sqlstate == "ML422"
    told = caught.value.diag
    assert not (told.message_primary or "").startswith("memory 1")
    assert told.message_detail
    assert told.message_hint == "The memory is as it was; mend the edit and send it again."
