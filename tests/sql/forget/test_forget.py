"""memory.forget: gone from every path at once, and only the decision stays."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.archiving import hand, keep, register
from tests.sql.calls import call, contents, found, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

LAYERS = ["interact", "insights", "assets"]


def seed(db: Connection[Any], now: datetime) -> dict[str, Any]:
    """One used, rated, edited memory a layer; ids by kind."""
    ids = {}
    for i, kind in enumerate(("user_interaction", "pattern", "core_concept")):
        made = one(
            db,
            "remember",
            namespace="n",
            content=f"secret number {i}",
            kind=kind,
            session="s",
            embedding=vector(1, i),
            now=now,
        )
        at = {"namespace": "n", "id": made["id"]}
        call(db, "touch", namespace="n", ids=[made["id"]], now=now)
        call(db, "rate", **at, rating=5.0, now=now)
        call(db, "update_memory", **at, changes={"importance": 0.9}, now=now)
        call(db, "note_embedding_failure", **at, error="secret failed", now=now)
        ids[kind] = made["id"]
    return ids


def traces(db: Connection[Any], memory: Any) -> dict[str, int]:
    """Rows of a memory in each table that holds rows of memories."""
    tables = [
        row["name"]
        for row in rows(
            db,
            "select c.relname::text as name from pg_class as c join pg_attribute as a"
            " on a.attrelid = c.oid and a.attname = 'id' and a.atttypid = 'uuid'::regtype"
            " where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'p')"
            " and not c.relispartition and c.relname <> 'api_key'",
        )
    ]
    assert len(tables) >= 8
    counted = {
        table: value(db, f"select count(*) from memory_data.{table} where id = %s", memory)  # noqa: S608
        for table in tables
    }
    return {table: count for table, count in counted.items() if count}


@pytest.mark.parametrize("kind", ["user_interaction", "pattern", "core_concept"])
def test_it_is_gone_from_every_path_and_only_the_decision_stays(
    db: Connection[Any], kind: str
) -> None:
    now = datetime.now(UTC)
    ids = seed(db, now)
    before = traces(db, ids[kind])
    assert {"usage", "access_event", "revision", "embedding_failure"} <= set(before)
    (gone,) = call(db, "forget", namespace="n", ids=[ids[kind]], now=now)
    assert (gone["id"], gone["kind"]) == (ids[kind], kind)
    secret = f"secret number {list(ids).index(kind)}"

    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=ids[kind])
    assert secret not in contents(call(db, "list_memories", namespace="n"))
    assert len(found(db, "n", "secret")) == 2
    assert secret not in found(db, "n", "secret")
    assert secret not in found(db, "n", embedding=vector(1, 1))
    assert secret not in found(db, "n", "secret", embedding=vector(1, 1))
    assert traces(db, ids[kind]) == {"decision": 1}
    (event,) = call(db, "history", namespace="n", id=ids[kind])
    assert (event["at"], event["event"]) == (now, "forget")
    me = f"login {value(db, 'select session_user')}"
    assert event["detail"] == {"kind": kind, "layer": gone["layer"], "records": 1, "actor": me}
    # the others are whole
    assert traces(db, ids["pattern" if kind != "pattern" else "core_concept"])["usage"] == 1


def test_many_are_forgotten_at_once_and_what_is_not_there_is_no_error(db: Connection[Any]) -> None:
    ids = seed(db, datetime.now(UTC))
    gone = call(db, "forget", namespace="n", ids=[*ids.values(), uuid.uuid4(), None])
    assert {row["id"] for row in gone} == set(ids.values())
    assert sorted(row["layer"] for row in gone) == sorted(LAYERS)
    assert call(db, "forget", namespace="n", ids=list(ids.values())) == []
    assert call(db, "forget", namespace="n", ids=[]) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    ids = list(seed(db, now).values())
    before = [traces(db, memory) for memory in ids]
    token = value(db, "select memory.change_token('n')")
    # one of the three has expired, and its bytes are still there
    later = now + timedelta(days=2)
    told = call(db, "forget", namespace="n", ids=ids, dry_run=True, now=later)
    assert [traces(db, memory) for memory in ids] == before
    assert value(db, "select memory.change_token('n')") == token
    gone = call(db, "forget", namespace="n", ids=ids, now=later)
    assert sorted(told, key=lambda row: row["id"]) == sorted(gone, key=lambda row: row["id"])
    assert len(gone) == 3


def test_another_namespaces_memory_is_left_alone(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="m", content="not yours")
    assert call(db, "forget", namespace="n", ids=[made["id"]]) == []
    assert one(db, "get", namespace="m", id=made["id"])


def test_a_forgotten_text_is_new_when_it_comes_again(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="again")
    call(db, "forget", namespace="n", ids=[made["id"]])
    again = one(db, "remember", namespace="n", content="again")
    assert again["created"]
    assert again["id"] != made["id"]


@pytest.mark.parametrize("place", ["outbox", "file"])
def test_archived_memories_are_forgotten_too(db: Connection[Any], place: str) -> None:
    now = datetime.now(UTC)
    memory, other = keep(db, "secret", now), keep(db, "stays archived", now)
    hand(db, [memory, other], now)
    if place == "file":
        register(db, now)
    token = value(db, "select memory.change_token('n')")
    arguments = {"namespace": "n", "ids": [memory], "now": now}
    told = call(db, "forget", **arguments, dry_run=True)
    assert value(db, "select memory.change_token('n')") == token
    assert call(db, "forget", **arguments) == told
    assert told == [{"id": memory, "layer": "interact", "kind": "user_interaction"}]
    assert call(db, "forget", **arguments) == []
    # what a file still holds is noted as owed, without the content
    owed = {"archive_erasure": 1} if place == "file" else {}
    assert traces(db, memory) == {"decision": 2} | owed
    (*_, last) = call(db, "history", namespace="n", id=memory)
    assert last["detail"] == {
        "detail": {"archived": True},
        "kind": "user_interaction",
        "layer": "interact",
        "records": 1,
        "actor": f"login {value(db, 'select session_user')}",
    }
    assert len(call(db, "find_archived", namespace="n", ids=[other])) == 1
    assert call(db, "forget", namespace="m", ids=[other]) == []


def test_the_copy_of_a_restored_memory_is_forgotten_with_it(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "secret", now)
    hand(db, [memory], now)
    archive = register(db, now)
    db.execute("update memory_data.archived set restored_at = %s", (now,))
    back = one(db, "remember", namespace="n", content="lives", now=now)
    db.execute("update memory_data.archived set id = %s", (back["id"],))
    gone = call(db, "forget", namespace="n", ids=[back["id"]])
    assert [(row["id"], row["layer"]) for row in gone] == [(back["id"], "interact")]
    assert rows(db, "select archive from memory_data.archive_erasure") == [{"archive": archive}]
