"""memory.reconcile_schedule without pg_cron: it has nothing to do, and says nothing.

What it does with pg_cron is in tests/schedule/test_pg_cron.py, which needs a server that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, value

if TYPE_CHECKING:
    from psycopg import Connection


@pytest.mark.parametrize("dry_run", [True, False])
def test_without_pg_cron_nothing_is_scheduled(db: Connection[Any], dry_run: bool) -> None:
    if value(db, "select exists (select from pg_extension where extname = 'pg_cron')"):
        pytest.skip("this server has pg_cron")
    before = value(db, "select count(*) from memory_data.schedule")
    db.execute("set local role memory_operator")
    assert call(db, "reconcile_schedule", dry_run=dry_run) == []
    assert value(db, "select count(*) from memory_data.schedule") == before


def test_it_is_not_for_the_service(db: Connection[Any]) -> None:
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(db, "reconcile_schedule")
