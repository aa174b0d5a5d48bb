"""memory.archive_batch, announce_file, register_archive: the outbox into files, all or nothing."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.archiving import hand, keep, register
from tests.sql.calls import Row, call, one, refused, rows, session, until_waiting, value

if TYPE_CHECKING:
    from psycopg import Connection


def fill(db: Connection[Any], number: int, now: datetime) -> list[uuid.UUID]:
    """So many records in the outbox, in this order; ids."""
    made = [keep(db, f"number {i}", now) for i in range(number)]
    for memory in made:
        hand(db, [memory], now)
    return made


def registered(db: Connection[Any], seqs: list[int], **more: Any) -> list[Row]:
    arguments: dict[str, Any] = {"id": uuid.uuid4(), "file": "file", "tier": "s3", "bytes": 9}
    return call(db, "register_archive", **(arguments | {"seqs": seqs} | more))


def test_a_batch_is_bounded_by_rows_and_bytes(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = fill(db, 4, now)
    whole = call(db, "archive_batch")
    assert [row["id"] for row in whole] == made
    assert [row["id"] for row in call(db, "archive_batch", rows=3)] == made[:3]
    sizes = [
        row["size"]
        for row in rows(
            db,
            "select size + pg_column_size(revisions) + pg_column_size(events) as size"
            " from memory_data.archive_outbox order by seq",
        )
    ]
    for short, expected in ((1, 1), (0, 2), (-1, 2)):
        bound = sizes[0] + sizes[1] - short
        assert len(call(db, "archive_batch", bytes=bound)) == expected
    # one that is larger than any bound goes alone
    assert [row["id"] for row in call(db, "archive_batch", bytes=0)] == made[:1]
    assert call(db, "archive_batch", rows=0) == []


def test_times_no_reader_knows_are_told_as_the_first(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    (memory,) = fill(db, 1, now)
    db.execute("update memory_data.archive_outbox set created_at = '4713-01-01 BC'")
    assert one(db, "archive_batch")["created_at"] == datetime(1, 1, 3, tzinfo=UTC)
    assert one(db, "archive_batch")["id"] == memory


def test_a_registered_file_has_a_row_an_index_and_empties_the_outbox(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = fill(db, 3, now)
    keep(db, "theirs", now, namespace="m", layer="assets")
    theirs = value(db, "select id from memory_data.assets")
    hand(db, [theirs], now, namespace="m", layer="assets")
    seqs = [row["seq"] for row in call(db, "archive_batch")]
    call(db, "announce_file", file="file")
    call(db, "announce_file", file="file")
    assert [row["leaving"] for row in call(db, "archive_files")] == [True]
    later = now + timedelta(minutes=1)
    (told,) = registered(db, seqs, now=later)
    assert told == {"file": "file", "records": 4}
    (listed,) = rows(db, "select * from memory.archives")
    assert {key: listed[key] for key in ("file", "tier", "created_at", "rows", "bytes")} == {
        "file": "file",
        "tier": "s3",
        "created_at": later,
        "rows": 4,
        "bytes": 9,
    }
    assert (listed["layers"], listed["namespaces"]) == (["assets", "interact"], 2)
    assert listed["oldest"] == listed["newest"] == now - timedelta(minutes=9)
    assert (listed["state"], listed["restored"], listed["erasing"]) == ("stored", 0, 0)
    assert call(db, "archive_batch") == []
    assert [row["leaving"] for row in call(db, "archive_files")] == [False]
    index = rows(db, "select id, archived_at, restored_at from memory_data.archived")
    assert {row["id"] for row in index} == {*made, theirs}
    assert {(row["archived_at"], row["restored_at"]) for row in index} == {(now, None)}


def test_a_record_that_left_stops_it(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = fill(db, 2, now)
    seqs = [row["seq"] for row in call(db, "archive_batch")]
    call(db, "forget", namespace="n", ids=made[:1])
    with refused(db, "ML409", "1 of 2"):
        registered(db, seqs)
    assert value(db, "select count(*) from memory_data.archive") == 0
    with refused(db, "ML409", "0 of 0"):
        registered(db, [])
    assert registered(db, seqs[1:])
    with refused(db, "ML409"):
        registered(db, seqs[1:])


def test_a_record_that_came_again_stops_it(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = fill(db, 1, now)
    seqs = [row["seq"] for row in call(db, "archive_batch")]
    call(db, "restore_outbox", namespace="n", ids=made, now=now)
    call(db, "update_memory", namespace="n", id=made[0], changes={"content": "edited"}, now=now)
    hand(db, made, now)
    with refused(db, "ML409"):
        registered(db, seqs)


def test_forgotten_while_it_is_registered_the_bytes_are_owed(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as writer, session(clone_url) as eraser, ThreadPoolExecutor(1) as pool:
        (memory,) = fill(writer, 1, now)
        with writer.transaction():
            archive = register(writer, now)
            work = pool.submit(call, eraser, "forget", namespace="n", ids=[memory])
            until_waiting(eraser, work)
        assert [row["id"] for row in work.result()] == [memory]
        (owed,) = call(writer, "archive_work")
        assert (owed["archive"], owed["ids"]) == (archive, [memory])
