"""memory.archive_work, replace_archive, note_deletion, drop_copies: what must leave the files."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.archiving import hand, keep, register
from tests.sql.calls import Row, call, one, refused, rows, value

if TYPE_CHECKING:
    from psycopg import Connection


def filed(db: Connection[Any], number: int, now: datetime) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """A file with so many records; its archive and their ids."""
    made = [keep(db, f"number {i}", now) for i in range(number)]
    hand(db, made, now)
    return register(db, now), made


def replaced(db: Connection[Any], work: Row, file: str | None, remaining: int, **more: Any) -> Row:
    return one(
        db,
        "replace_archive",
        archive=work["archive"],
        was=more.get("was", work["file"]),
        file=file,
        tier="s3",
        bytes=5,
        rows=remaining,
        namespaces=work["namespaces"],
        ids=work["ids"],
    )


def test_the_forgotten_are_work_until_the_file_is_replaced(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    archive, made = filed(db, 3, now)
    assert call(db, "archive_work") == []
    call(db, "forget", namespace="n", ids=made[:1], now=now)
    (work,) = call(db, "archive_work")
    assert (work["archive"], work["namespaces"], work["ids"]) == (archive, ["n"], made[:1])
    (listed,) = rows(db, "select * from memory.archives")
    assert (listed["state"], listed["erasing"], listed["rows"]) == ("erasing", 1, 3)

    # forgotten meanwhile: stays work, and is still in the new file
    call(db, "forget", namespace="n", ids=made[1:2], now=now)
    with refused(db, "ML409", "Rows: 1"):
        replaced(db, work, "new", 1)
    assert replaced(db, work, "new", 2) == {"file": "new", "erased": 1}
    (left,) = call(db, "archive_work")
    assert (left["file"], left["ids"]) == ("new", made[1:2])
    with refused(db, "ML409", "It is new"):
        replaced(db, left, "newer", 1, was=work["file"])
    replaced(db, left, "newer", 1)
    (listed,) = rows(db, "select * from memory.archives")
    assert (listed["file"], listed["rows"], listed["bytes"]) == ("newer", 1, 5)
    assert (listed["state"], listed["namespaces"]) == ("stored", 1)
    leaving = [row["file"] for row in call(db, "archive_files") if row["leaving"]]
    assert leaving == sorted(["new", work["file"]])


def test_an_emptied_file_is_no_archive_any_more(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    archive, made = filed(db, 2, now)
    call(db, "forget", namespace="n", ids=made, now=now)
    (work,) = call(db, "archive_work")
    with refused(db, "ML409"):
        one(
            db,
            "replace_archive",
            archive=uuid.uuid4(),
            was=work["file"],
            file=None,
            tier="s3",
            bytes=None,
            rows=0,
            namespaces=["n"],
            ids=made,
        )
    replaced(db, work, None, 0)
    assert rows(db, "select * from memory.archives") == []
    assert value(db, "select count(*) from memory_data.archive where id = %s", archive) == 0

    (leaving,) = call(db, "archive_files")
    file = leaving["file"]
    call(db, "note_deletion", file=file, error="denied")
    backlog = {row["item"]: row for row in call(db, "archive_backlog")}
    assert (backlog["to delete"]["waiting"], backlog["to delete"]["note"]) == (1, "denied")
    assert one(db, "note_deletion", file=file)["attempts"] == 2
    assert call(db, "archive_files") == []
    assert call(db, "note_deletion", file=file) == []


def test_the_backlog_tells_how_much_waits_and_since_when(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    empty = {row["item"]: row["waiting"] for row in call(db, "archive_backlog")}
    assert empty == {"to write": 0, "to erase": 0, "to delete": 0}
    _, made = filed(db, 2, now - timedelta(hours=2))
    call(db, "forget", namespace="n", ids=made[:1], now=now - timedelta(hours=1))
    hand(db, [keep(db, "waits", now)], now)
    told = {row["item"]: (row["waiting"], row["since"]) for row in call(db, "archive_backlog")}
    assert told["to write"] == (1, now)
    assert told["to erase"] == (1, now - timedelta(hours=1))
    condition = "select ok from memory.check_database(%s) where condition = 'archive backlog'"
    assert value(db, condition, now)
    assert value(db, condition, now + timedelta(hours=22))
    assert not value(db, condition, now + timedelta(hours=23))


def test_copies_of_the_restored_go_after_their_time(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    archive, made = filed(db, 3, now)
    db.execute("update memory_data.archived set restored_at = %s where id = %s", (now, made[0]))
    db.execute(
        "update memory_data.archived set restored_at = %s where id = %s",
        (now - timedelta(microseconds=1), made[1]),
    )
    told = call(db, "drop_copies", before=now, dry_run=True)
    assert [(row["id"], row["archive"]) for row in told] == [(made[1], archive)]
    assert call(db, "archive_work") == []
    assert call(db, "drop_copies", before=now) == told
    assert call(db, "drop_copies", before=now) == []
    (work,) = call(db, "archive_work")
    assert work["ids"] == [made[1]]
    assert len(call(db, "drop_copies", before=now + timedelta(days=1), limit=0)) == 0


def test_counts_say_what_lies_where(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    _, made = filed(db, 2, now)
    waits = keep(db, "waits", now)
    hand(db, [waits], now)
    keep(db, "lives", now, layer="assets")
    told = {
        row["place"]: (row["memories"], row["files"])
        for row in call(db, "count_memories", namespace="n")
    }
    assert told == {
        "interact": (0, 0),
        "insights": (0, 0),
        "assets": (1, 0),
        "outbox": (1, 0),
        "archive": (2, 1),
    }
    some = {
        row["place"]: row["memories"]
        for row in call(db, "count_memories", namespace="n", ids=[waits, made[0]])
    }
    assert (some["assets"], some["outbox"], some["archive"]) == (0, 1, 1)
    with refused(db, "ML422"):
        call(db, "count_memories", namespace="")


def test_a_check_is_noted(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    archive, _ = filed(db, 1, now)
    for fault in ("damaged", "missing"):
        call(db, "note_archive_check", archive=archive, fault=fault, now=now)
        assert rows(db, "select state, verified_at from memory.archives") == [
            {"state": fault, "verified_at": None}
        ]
    call(db, "note_archive_check", archive=archive, fault=None, now=now)
    assert rows(db, "select state, verified_at from memory.archives") == [
        {"state": "stored", "verified_at": now}
    ]
