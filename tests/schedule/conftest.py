"""The database pg_cron runs its jobs in: one a server, named by its configuration."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from service.core.migrate import Model, migrate
from tests.conftest import DIM, MODEL
from tests.sql.calls import call, rows, session, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection


@pytest.fixture
def cron_url() -> Iterator[str]:
    """That database, migrated anew, without jobs of ours before and after the test."""
    url = os.environ.get("MAGRAY_DEBIAN_DATABASE_URL")
    if url is None:
        pytest.skip("needs pg_cron: make test-full starts a server that has it")
    _clear(url)
    migrate(url, Model(name=MODEL, dim=DIM))
    with session(url) as db:
        while call(db, "make_partitions"):
            pass
    yield url
    _clear(url)


@pytest.fixture
def cron_db(cron_url: str) -> Iterator[Connection[Any]]:
    """A superuser's session there; every statement commits."""
    with session(cron_url) as db:
        yield db


def _clear(url: str) -> None:
    # not the session of the other tests, which wants the extension our migration brings
    with psycopg.connect(url, autocommit=True) as db:
        if value(db, "select to_regclass('cron.job') is not null"):
            db.execute("delete from cron.job where starts_with(jobname, 'magray ')")
            db.execute("delete from cron.job_run_details where username = 'memory_operator'")
        until_true(lambda: not _jobs_at_work(db))
        for schema in ("memory", "memory_data"):
            db.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def _jobs_at_work(db: Connection[Any]) -> list[dict[str, Any]]:
    return rows(
        db,
        "select pid from pg_stat_activity where usename = 'memory_operator'"
        " and datname = current_database() and pid <> pg_backend_pid()",
    )


def until_true(come_true: Callable[[], object], *, seconds: float = 90) -> None:
    """Ask again and again until the answer is true."""
    end = time.monotonic() + seconds
    while not come_true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)
