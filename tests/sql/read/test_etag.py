"""The etag of a memory: it differs after every edit, and who names an older one changes nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.archiving import hand
from tests.sql.calls import call, one, refused, session

if TYPE_CHECKING:
    from psycopg import Connection


def remembered(db: Connection[Any], **fields: Any) -> dict[str, Any]:
    made = one(db, "remember", **{"namespace": "n", "content": "Ann likes tea"} | fields)
    return {"namespace": "n", "id": made["id"]}


def etag(db: Connection[Any], at: dict[str, Any]) -> str:
    """As each function tells it."""
    found: str = one(db, "get", **at)["etag"]
    listed = {row["id"]: row["etag"] for row in call(db, "list_memories", namespace="n")}
    assert listed[at["id"]] == found
    return found


def test_it_differs_after_every_edit_and_is_told_by_it(db: Connection[Any]) -> None:
    at = remembered(db)
    seen = [etag(db, at)]
    for changes in (
        {"content": "Ann likes coffee"},
        {"metadata": {"a": 1}},
        {"metadata": {"a": 1.5}},
        {"metadata": {"a": None}},
        {"importance": 0.51},
        {"kind": "session_data"},
        {"ttl": 3600},
        {"language": "german"},
        {"pinned": True},
    ):
        answer = one(db, "update_memory", **at, changes=changes)
        assert answer["etag"] == etag(db, at)
        seen.append(answer["etag"])
    # but for what was taken back
    assert seen.pop(4) == seen[1]
    assert len(set(seen)) == len(seen)


def test_use_and_time_leave_it(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at, pinned = remembered(db), remembered(db, content="pinned", pinned=True)
    before = etag(db, at), etag(db, pinned)
    call(db, "touch", namespace="n", ids=[at["id"]], now=now)
    call(db, "rate", **at, rating=3)
    call(db, "renew_pinned", now=now + timedelta(hours=20))
    call(db, "update_memory", **at, changes={})
    db.execute("set local timezone = 'Asia/Tokyo'")
    assert (etag(db, at), etag(db, pinned)) == before


def test_only_what_is_as_it_was_seen_is_changed_or_forgotten(db: Connection[Any]) -> None:
    at = remembered(db)
    old = etag(db, at)
    new = one(db, "update_memory", **at, changes={"importance": 0.9}, if_match=[old])["etag"]
    with refused(db, "ML412", str(at["id"]), new):
        call(db, "update_memory", **at, changes={"importance": 0.1}, if_match=[old])
    for dry_run in (True, False):
        with refused(db, "ML412", new):
            call(db, "forget", namespace="n", ids=[at["id"]], dry_run=dry_run, if_match=[old])
    with refused(db, "ML412"):
        call(db, "update_memory", **at, changes={"importance": 0.1}, if_match=[])
    with refused(db, "ML412"):
        call(db, "update_memory", **at, changes={"importance": 0.1}, if_match=[None, old])
    assert etag(db, at) == new
    call(db, "update_memory", **at, changes={"importance": 0.2}, if_match=["*"])
    last = etag(db, at)
    forget = {"namespace": "n", "ids": [at["id"]], "if_match": [old, last]}
    assert len(call(db, "forget", **forget, dry_run=True)) == 1
    assert len(call(db, "forget", **forget)) == 1
    with refused(db, "ML404"):
        call(db, "forget", **forget)


def test_what_is_archived_is_as_nobody_sees_it(db: Connection[Any]) -> None:
    at = remembered(db)
    seen = etag(db, at)
    hand(db, [at["id"]], datetime.now(UTC))
    with refused(db, "ML404"):
        call(db, "forget", namespace="n", ids=[at["id"]], if_match=[seen])
    assert len(call(db, "forget", namespace="n", ids=[at["id"]])) == 1


@pytest.mark.parametrize("function", ["update_memory", "forget"])
def test_of_ten_who_saw_the_same_one_wins(clone_url: str, function: str) -> None:
    with session(clone_url) as db:
        at = remembered(db)
        seen = etag(db, at)
        start, ended = threading.Barrier(10), []

        def edit(number: int) -> None:
            with session(clone_url) as own:
                start.wait()
                try:
                    if function == "forget":
                        call(own, "forget", namespace="n", ids=[at["id"]], if_match=[seen])
                    else:
                        changes = {"metadata": {"winner": number}}
                        call(own, "update_memory", **at, changes=changes, if_match=[seen])
                    ended.append("won")
                except psycopg.Error as error:
                    ended.append(error.sqlstate)

        threads = [threading.Thread(target=edit, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lost = "ML404" if function == "forget" else "ML412"
    assert sorted(ended) == sorted(["won"] + [lost] * 9)
