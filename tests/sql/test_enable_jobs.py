"""memory.enable_jobs: the switch of a restored clone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sql.calls import value

if TYPE_CHECKING:
    from psycopg import Connection

STATE = "select (memory._setting('jobs_enabled'))::boolean"


def test_it_switches_and_tells_what_was(db: Connection[Any]) -> None:
    assert value(db, STATE) is True
    assert value(db, "select memory.enable_jobs(false)") is True
    assert value(db, STATE) is False
    assert value(db, "select memory.enable_jobs(false)") is False
    assert value(db, "select memory.enable_jobs(true)") is False
    assert value(db, STATE) is True
