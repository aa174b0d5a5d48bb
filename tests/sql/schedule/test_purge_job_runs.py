"""memory.purge_job_runs: old runs of jobs and of promote go, the latest of each job stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, rows

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def test_old_runs_go_but_never_the_latest_of_a_job(db: Connection[Any]) -> None:
    runs = (("expire", 40), ("expire", 35), ("logs", 50), ("traces", 31), ("traces", 29))
    # a run in the future, of a clock that ran ahead, is not the latest
    for job, days in (*runs, ("logs", -30)):
        db.execute(
            "insert into memory_data.job_run (job, runner, started_at) values (%s, 'service', %s)",
            (job, NOW - timedelta(days=days)),
        )
    told = call(db, "purge_job_runs", now=NOW, dry_run=True)
    assert call(db, "purge_job_runs", now=NOW) == told
    assert told[0] == {"source": "job_run", "runs": 2}
    left = rows(db, "select job, started_at from memory_data.job_run order by job, started_at")
    assert [(row["job"], (NOW - row["started_at"]).days) for row in left] == [
        ("expire", 35),
        ("logs", 50),
        ("logs", -30),
        ("traces", 29),
    ]


def test_what_promote_told_of_its_runs_goes_by_its_setting(db: Connection[Any]) -> None:
    for days in range(5):
        call(db, "promote", layer="interact", now=NOW - timedelta(days=days))
    db.execute("update memory_data.setting set value = '3' where key = 'promotion_run_days'")
    kept = "select at from memory_data.promotion_run order by at"
    for limit, dry_run, left in ((1, True, 5), (1, False, 4), (1, False, 4)):
        told = call(db, "purge_job_runs", now=NOW, limit=limit, dry_run=dry_run)
        assert told[1]["source"] == "promotion_run"
        assert len(rows(db, kept)) == left
    assert rows(db, kept)[0]["at"] == NOW - timedelta(days=3)
