"""memory.lifecycle_steps: the steps of memory.run_lifecycle, each a job of the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import one, rows

if TYPE_CHECKING:
    from psycopg import Connection


@pytest.mark.parametrize("role", ["memory_app", "memory_operator"])
def test_they_are_jobs_and_expiry_comes_first(db: Connection[Any], role: str) -> None:
    db.execute(f"set local role {role}")
    steps = one(db, "lifecycle_steps")["lifecycle_steps"]
    assert steps == ["expire", "promote", "pressure"]
    jobs = rows(db, "select name from memory_data.schedule where kind = 'sql' and enabled")
    assert set(steps) <= {row["name"] for row in jobs}
