"""memory.begin_backup_run, note_backup_run, backup_runs: how backups and restores get on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.calls import rows, value

if TYPE_CHECKING:
    from psycopg import Connection


def begin(db: Connection[Any], action: str = "backup") -> Any:
    return value(db, "select memory.begin_backup_run(%s, '{}')", action)


def note(db: Connection[Any], run: Any, result: Any = None, error: Any = None) -> None:
    db.execute(
        "select memory.note_backup_run(%s, 'copying', 5, 10, %s, %s)",
        (run, result and Jsonb(result), error and Jsonb(error)),
    )


def one(db: Connection[Any], run: Any) -> dict[str, Any]:
    return rows(db, "select * from memory.backup_runs(1, %s)", run)[0]


def test_a_run_goes_on_and_ends_once(db: Connection[Any]) -> None:
    run = begin(db)
    assert (one(db, run)["state"], one(db, run)["finished_at"]) == ("running", None)
    note(db, run)
    assert (one(db, run)["stage"], one(db, run)["done"]) == ("copying", 5)
    note(db, run, result={"id": "x"})
    assert (one(db, run)["state"], one(db, run)["result"]) == ("done", {"id": "x"})
    note(db, run, error={"code": "late"})
    assert one(db, run)["state"] == "done"


def test_a_failure_says_why(db: Connection[Any]) -> None:
    run = begin(db)
    note(db, run, error={"code": "MLB44", "message": "no"})
    assert (one(db, run)["state"], one(db, run)["error"]["code"]) == ("failed", "MLB44")
    assert one(db, run)["finished_at"] is not None


def test_runs_of_a_dead_process_end(db: Connection[Any]) -> None:
    run = begin(db)
    value(db, "select memory.begin_backup_run('drill', '{}', now() + interval '23 hours')")
    assert one(db, run)["state"] == "running"
    value(db, "select memory.begin_backup_run('drill', '{}', now() + interval '25 hours')")
    assert one(db, run)["state"] == "failed"


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_the_number_of_runs_is_bounded(db: Connection[Any], limit: int | None) -> None:
    with pytest.raises(psycopg.Error) as error:
        rows(db, "select * from memory.backup_runs(%s)", limit)
    assert error.value.sqlstate == "ML422"


def test_newest_first(db: Connection[Any]) -> None:
    made = [begin(db) for _ in range(3)]
    found = rows(db, "select id from memory.backup_runs(2)")
    assert [row["id"] for row in found] == made[:0:-1]
