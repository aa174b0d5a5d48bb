"""memory.settle_archive: what a lost file held, in bounded batches."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.sql.archiving import hand, keep, register
from tests.sql.calls import call, refused, rows, value

if TYPE_CHECKING:
    from psycopg import Connection

FILE = "select file from memory_data.archive where id = %s"


def test_each_record_is_told_for_what_it_was(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = [keep(db, f"number {i}", now) for i in range(4)]
    hand(db, made, now)
    archive = register(db, now)
    file = value(db, FILE, archive)
    erased, restored, filed_again, lost = made
    call(db, "forget", namespace="n", ids=[erased], now=now)
    db.execute("update memory_data.archived set restored_at = %s where id = %s", (now, restored))
    other = uuid.uuid4()
    db.execute(
        "insert into memory_data.archive select %s, 'other', tier, created_at, bytes, rows, layers,"
        " namespaces, oldest, newest from memory_data.archive where id = %s",
        (other, archive),
    )
    db.execute(
        "insert into memory_data.archived select namespace, id, %s, layer, kind, created_at,"
        " archived_at from memory_data.archived where id = %s",
        (other, filed_again),
    )

    at: dict[str, Any] = {"archive": archive, "was": file, "now": now}
    told = call(db, "settle_archive", **at, dry_run=True)
    assert {row["id"]: row["outcome"] for row in told} == {
        erased: "erased",
        restored: "copy",
        filed_again: "copy",
        lost: "lost",
    }
    with refused(db, "ML409", file):
        call(db, "settle_archive", archive=archive, was="another")
    decided = "select id, action, detail from memory_data.decision where detail ? 'lost'"
    assert rows(db, decided) == []

    batches = []
    while batch := call(db, "settle_archive", **at, limit=2):
        batches.append(len(batch))
        gone = value(db, "select count(*) = 0 from memory_data.archive where id = %s", archive)
        assert gone is (len(batches) == 2)
    assert batches == [3, 1]
    assert rows(db, decided) == [
        {"id": lost, "action": "forget", "detail": {"archived": True, "lost": True, "file": file}}
    ]
    assert [row["file"] for row in call(db, "archive_files")] == ["other", file]
    (place,) = call(db, "find_archived", namespace="n")
    assert (place["archive"], place["ids"]) == (other, [filed_again])


def test_what_waits_in_the_outbox_or_lives_is_not_lost(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = [keep(db, f"number {i}", now) for i in range(2)]
    hand(db, made, now)
    db.execute("create temp table copy as select * from memory_data.archive_outbox")
    db.execute("alter table copy drop column seq")
    archive = register(db, now)
    db.execute(
        "insert into memory_data.archive_outbox overriding user value"
        " select (jsonb_populate_record(null::memory_data.archive_outbox,"
        " to_jsonb(c) || '{\"seq\": 0}')).* from copy as c"
    )
    call(db, "restore_outbox", namespace="n", ids=made[:1], now=now)
    db.execute("update memory_data.archived set restored_at = null")
    answer = call(db, "settle_archive", archive=archive, was=value(db, FILE, archive), now=now)
    assert {row["id"]: row["outcome"] for row in answer} == dict.fromkeys(made, "copy")
    assert call(db, "settle_archive", archive=archive, was="whatever", now=now) == []
