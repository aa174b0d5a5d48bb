"""How long archiving has been failing, while PostgreSQL's own archiver fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import rows, session, value
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

FAILING = "select value, label from memory.kpis() where kpi = 'wal_archive_failing'"


def _command(server_url: str, command: str | None) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            "alter system reset archive_command"
            if command is None
            else f"alter system set archive_command = '{command}'"
        )
        connection.execute("select pg_reload_conf()")


@pytest.fixture
def failing(server_url: str, clone_url: str) -> Iterator[Connection[Any]]:
    """A server that archives nothing, and whose statistics are as after a crash: new."""
    try:
        _command(server_url, "false")
        with session(clone_url) as db:
            until(lambda: value(db, "show archive_command") == "false", "the command is known")
            db.execute("select pg_stat_reset_shared('archiver')")
            # what is switched must hold something
            db.execute("select pg_logical_emit_message(false, 'x', 'x'), pg_switch_wal()")
            until(
                lambda: value(db, "select failed_count >= 3 from pg_stat_archiver"),
                "it failed again and again",
            )
            yield db
    finally:
        _command(server_url, None)
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute("select pg_logical_emit_message(false, 'x', 'x'), pg_switch_wal()")
            until(
                lambda: (
                    connection.execute(
                        "select count(*) = 0 from pg_ls_archive_statusdir()"
                        " where name like '%.ready'"
                    ).fetchone()
                    == (True,)
                ),
                "all is archived",
            )
            connection.execute("select pg_stat_reset_shared('archiver')")


def test_another_failure_does_not_make_it_new(failing: Connection[Any]) -> None:
    ((measured, label),) = failing.execute(FAILING).fetchall()
    (known,) = rows(
        failing,
        "select extract(epoch from now() - last_failed_time)::float as last_failure,"
        " last_failed_wal, (select extract(epoch from now() - min(f.modification))::float"
        " from pg_ls_archive_statusdir() as f where f.name like '%%.ready') as waiting"
        " from pg_stat_archiver",
    )
    assert measured == pytest.approx(known["waiting"], abs=1)
    assert measured > known["last_failure"] + 1.5  # three attempts, a second apart
    assert label == known["last_failed_wal"]


def test_who_may_not_see_what_waits_counts_from_the_statistics(failing: Connection[Any]) -> None:
    failing.execute("set role memory_operator")
    assert value(failing, "select memory._wal_waiting_since() is not null")
    failing.execute("reset role")
    failing.execute("revoke execute on function pg_ls_archive_statusdir() from memory_operator")
    failing.execute("set role memory_operator")
    assert value(failing, "select memory._wal_waiting_since() is null")
    ((measured, _),) = failing.execute(FAILING).fetchall()
    since = "select extract(epoch from now() - stats_reset)::float from pg_stat_archiver"
    assert measured == pytest.approx(value(failing, since), abs=1)
