"""memory.purge_logs: a partition of a log goes when all of it is older than its setting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, rows, session, value

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection


def partitions(db: Connection[Any], table: str) -> list[datetime]:
    return [row["ends"] for row in rows(db, "select * from memory._partitions_of_table(%s)", table)]


@pytest.mark.parametrize(
    ("table", "setting", "life"),
    [
        ("access_event", "access_event_days", timedelta(days=3)),
        ("decision", "decision_months", None),
        ("revision", "revision_months", None),
    ],
)
def test_logs_go_when_all_of_a_partition_is_older_than_the_setting(
    db: Connection[Any], table: str, setting: str, life: timedelta | None
) -> None:
    db.execute("update memory_data.setting set value = '3' where key = %s", (setting,))
    first = min(partitions(db, table))
    moment = first + life if life else value(db, "select %s + interval '3 months'", first)
    just = timedelta(microseconds=1)
    before = len(partitions(db, table))
    assert call(db, "purge_logs", now=moment - just) == []
    (told,) = call(db, "purge_logs", now=moment, dry_run=True)
    assert len(partitions(db, table)) == before
    assert call(db, "purge_logs", now=moment) == [told]
    assert (told["table_name"], told["ends"]) == (table, first)
    assert len(partitions(db, table)) == before - 1
    assert call(db, "purge_logs", now=moment) == []


def test_logs_in_use_stay_and_nobody_waits(clone_url: str) -> None:
    with session(clone_url) as db, session(clone_url) as reader:
        later = min(partitions(db, "access_event")) + timedelta(days=180)
        with reader.transaction():
            reader.execute("select count(*) from memory_data.access_event")
            assert call(db, "purge_logs", now=later) == []
        assert len(call(db, "purge_logs", now=later)) == 1
