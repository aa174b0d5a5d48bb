"""memory.kpis: each KPI has the value its source says, and none where nothing was measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, rows, session, value, vector
from tests.sql.filling import budget, fill
from tests.watch.forced import force, report
from tests.watch.forced_disk import force_disk, near_on_disk

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC).replace(second=30, microsecond=0)
MISSION = {
    "size",
    "usage",
    "pressure",
    "fragmentation",
    "search_latency",
    "search_rate",
    "cache_hit_rate",
    "promotion_rate",
    "error_rate",
    "fallback_rate",
    "recovery_time",
    "uptime",
}


def known(db: Connection[Any], now: datetime = NOW) -> dict[tuple[str, str], Any]:
    return {(row["kpi"], row["scope"]): row for row in call(db, "kpis", now=now)}


def test_every_kpi_is_there_and_in_the_catalogue_once(db: Connection[Any]) -> None:
    asked = call(db, "kpis", now=NOW)
    catalogue = [row["kpi"] for row in rows(db, "select kpi from memory.kpi_catalogue")]
    assert sorted(catalogue) == sorted(set(catalogue))
    assert {row["kpi"] for row in asked} | {"job_lateness"} == set(catalogue)
    assert set(catalogue) >= MISSION
    assert len({(row["kpi"], row["scope"]) for row in asked}) == len(asked)
    assert all(row["meaning"] and row["unit"] for row in asked)


UNMEASURED = (
    "search_latency",
    "search_rate",
    "cache_hit_rate",
    "error_rate",
    "errors",
    "uptime",
    "promotion_rate",
    "fallback_rate",
    "recovery_time",
    "recall",
    "proof_age",
    "provider_failing",
)


@pytest.mark.parametrize("name", UNMEASURED)
def test_nothing_measured_is_null_and_not_zero(db: Connection[Any], name: str) -> None:
    values = {row["value"] for (kpi, _), row in known(db).items() if kpi == name}
    assert values == {None}


def test_every_kpi_has_the_value_of_its_source(db: Connection[Any]) -> None:
    expected = force(db, NOW)
    found = known(db)
    for key, (number, label) in expected.items():
        assert found[key]["value"] == pytest.approx(number), key
        if label is not None:
            assert found[key]["label"] == label


def test_a_provider_that_fails_is_known_while_a_service_speaks_of_it(db: Connection[Any]) -> None:
    def failing(minutes: float) -> tuple[float | None, str | None]:
        row = known(db, NOW + timedelta(minutes=minutes))["provider_failing", "embedding"]
        return row["value"], row["label"]

    def note(minutes: float, error: str | None) -> None:
        at = NOW + timedelta(minutes=minutes)
        call(db, "note_provider", model="test-model", error=error, now=at)
        call(db, "note_provider", model="another-model", error="of no interest", now=at)

    assert failing(0) == (None, None)
    note(0, None)
    assert failing(1) == (0, None)
    note(1, "HTTP 402")
    note(3, "HTTP 429")
    assert failing(4) == (180, "HTTP 429")
    note(5, None)
    assert failing(5) == (0, None)
    note(6, "HTTP 402")
    assert failing(12) == (None, None)  # nobody spoke of it for five minutes
    note(12, "HTTP 402")
    assert failing(12.5) == (30, "HTTP 402")


def test_what_is_on_disk_is_what_is_measured(db: Connection[Any]) -> None:
    measured = call(db, "measure_pressure", now=NOW, dry_run=True)
    found = known(db)
    for row in measured:
        layer = row["layer"]
        assert found["size", layer]["value"] == row["disk_bytes"]
        assert found["usage", layer]["value"] == row["usage_percent"]
        assert found["fragmentation", layer]["value"] == row["fragmentation_percent"]
        assert found["pressure", layer]["label"] == row["level"] == "low"


def test_medium_lasts_only_where_nothing_is_evicted_by_itself(clone_url: str) -> None:
    with session(clone_url) as db:
        for layer in ("interact", "assets"):
            fill(db, layer, 600)
            budget(db, layer, 80)
        at_80 = known(db)
        assert at_80["pressure", "interact"]["label"] == at_80["pressure", "assets"]["label"]
        assert at_80["lasting_pressure", "interact"]["value"] == 0
        assert at_80["lasting_pressure", "assets"]["value"] == 1
        db.execute("update memory_data.layer set max_bytes = 1")
        high = known(db)
        for scope in ("interact", "assets", "total"):
            assert high["pressure", scope]["label"] == "high"
            assert high["pressure", scope]["value"] == 2
            assert high["lasting_pressure", scope]["value"] == 2


def test_what_is_on_disk_has_the_value_it_was_given(clone_url: str) -> None:
    with session(clone_url) as db:
        expected = force_disk(db, NOW)
        found = known(db)
        for key, (number, label) in expected.items():
            assert found[key]["value"] == near_on_disk(key[0], number), key
            assert found[key]["label"] == label
        sampled = {
            (row["kpi"], row["scope"]): row["value"] for row in call(db, "sample_kpis", now=NOW)
        }
        for key in expected:
            assert sampled[key] == pytest.approx(found[key]["value"], rel=0.02)


def test_a_quantile_is_prometheus(db: Connection[Any]) -> None:
    """histogram_quantile: linear in its bucket, the lower bound of the endless one."""
    call(
        db,
        "report_service",
        instance="00000000-0000-0000-0000-000000000001",
        seconds=15.0,
        requests=10,
        errors=0,
        searches=10,
        degraded=0,
        query_hits=0,
        query_misses=10,
        embedding_hits=0,
        embedding_misses=0,
        bounds=[10.0, 20.0, 50.0, float("inf")],
        counts=[0, 4, 0, 6],
        now=NOW,
    )
    found = known(db)
    assert found["search_latency", "p50"]["value"] == 50
    assert (
        value(db, "select memory._latency_quantile(%s, %s, 0.2)", NOW - timedelta(minutes=5), NOW)
        == 10 + 10 * 2 / 4
    )


def test_a_goodbye_is_no_crash(db: Connection[Any]) -> None:
    force(db, NOW)
    db.execute(
        "update memory_data.service_report set farewell = true where at = %s",
        (NOW - timedelta(minutes=61),),
    )
    assert known(db)["recovery_time", "crash"]["value"] is None


def test_a_long_outage_counts_and_is_remembered(db: Connection[Any]) -> None:
    """Twelve hours up, a crash, three days down, up again for 70 minutes."""
    back = NOW - timedelta(minutes=70)
    for minute in range(12 * 60):
        report(db, back - timedelta(days=3, minutes=minute))
    call(db, "sample_kpis", now=back - timedelta(minutes=1))  # what is old goes
    for minute in range(70):
        report(db, back + timedelta(minutes=minute + 1))
    down = known(db)
    assert down["uptime", "total"]["value"] == pytest.approx(100 * 70 / (24 * 60))
    assert down["recovery_time", "crash"]["value"] == 3 * 24 * 3600
    call(db, "sample_kpis", now=NOW)
    for minute in range(1, 30 * 60):
        report(db, NOW + timedelta(minutes=minute))
    later = known(db, NOW + timedelta(hours=30))
    assert later["uptime", "total"]["value"] == pytest.approx(100, abs=0.1)
    assert later["recovery_time", "crash"]["value"] == 3 * 24 * 3600


@pytest.mark.parametrize(("others", "seconds"), [((), 140), ((95, 50), None)])
def test_a_database_that_was_away_is_a_crash(
    db: Connection[Any], others: tuple[int, ...], seconds: int | None
) -> None:
    """What a service counted meanwhile arrives in one report; another one's show it was there."""
    for back in (170, 155, 140, *others):
        report(db, NOW - timedelta(seconds=back), seconds=15)
    report(db, NOW, seconds=140)
    assert known(db)["recovery_time", "crash"]["value"] == seconds


def test_without_any_proof_it_is_as_old_as_the_first_backup(db: Connection[Any]) -> None:
    force(db, NOW)
    db.execute("update memory_data.backup set proven_at = null")
    row = known(db)["proof_age", "total"]
    assert (row["value"], row["label"]) == (3 * 86_400, "never")
    later = NOW + timedelta(days=6)
    for minutes in (0, 4, 8, 11):
        call(db, "check_alerts", now=later + timedelta(minutes=minutes))
    opened = "select count(*) from memory.alerts where rule = 'stale proof' and state = 'open'"
    assert value(db, opened) == 1
    # the first backup is pruned, its run is still known
    db.execute(
        "insert into memory_data.backup_run (action, state, finished_at)"
        " values ('backup', 'done', %s)",
        (NOW - timedelta(days=5),),
    )
    assert known(db)["proof_age", "total"]["value"] == 5 * 86_400


def test_services_side_by_side_add_up(db: Connection[Any]) -> None:
    force(db, NOW)
    db.execute(
        "insert into memory_data.service_report select gen_random_uuid(), at, seconds,"
        " requests, errors, searches, degraded, query_hits, query_misses, embedding_hits,"
        " embedding_misses, bounds, counts from memory_data.service_report"
        " where at = %s",
        (NOW,),
    )
    found = known(db)
    assert found["search_rate", "total"]["value"] == pytest.approx(200 / 60)
    assert found["error_rate", "total"]["value"] == pytest.approx(3 / 200)
    assert found["uptime", "total"]["value"] == pytest.approx(100 * 61 / 121)


def test_what_blocks_most_is_named(db: Connection[Any]) -> None:
    memory = one(db, "remember", namespace="n", content="x", kind="session_data", now=NOW)["id"]
    call(db, "touch", namespace="n", ids=[memory], now=NOW)
    at = NOW + timedelta(minutes=1)
    assert known(db, at)["blocking_criterion", "interact"]["value"] is None
    call(db, "sample_kpis", now=at)
    row = known(db, at)["blocking_criterion", "interact"]
    assert row["value"] == 1
    expected = call(db, "blocking_criteria", layer="interact", now=at)
    assert row["label"] in {one["criterion"] for one in expected if one["failing"]}


def test_what_blocks_is_judged_when_it_is_sampled_only(db: Connection[Any]) -> None:
    at = NOW.replace(minute=1)
    memory = one(db, "remember", namespace="n", content="x", kind="session_data", now=at)["id"]
    call(db, "touch", namespace="n", ids=[memory], now=at)
    call(db, "sample_kpis", now=at)
    db.execute("delete from memory_data.usage")
    for minute, share in ((2, 1), (4, 1), (5, None)):
        now = at.replace(minute=minute)
        call(db, "sample_kpis", now=now)
        assert known(db, now)["blocking_criterion", "interact"]["value"] == share
    call(db, "remember", namespace="n", content="y", kind="session_data", now=at)
    call(db, "touch", namespace="n", ids=[memory], now=at)
    call(db, "sample_kpis", now=at.replace(minute=6))
    assert known(db, at.replace(minute=10))["blocking_criterion", "interact"]["value"] == 1
    assert known(db, at.replace(minute=12))["blocking_criterion", "interact"]["value"] is None


def test_samples_are_history_and_do_not_stay_for_ever(db: Connection[Any]) -> None:
    expected = force(db, NOW)
    sampled = {(row["kpi"], row["scope"]): row["value"] for row in call(db, "sample_kpis", now=NOW)}
    history = rows(db, "select * from memory.kpi_history where at = %s", NOW)
    assert {(row["kpi"], row["scope"]): row["value"] for row in history} == sampled
    for key, (number, _) in expected.items():
        assert sampled[key] == pytest.approx(number)
    later = NOW + timedelta(days=14, seconds=1)
    call(db, "sample_kpis", now=later)
    assert value(db, "select array_agg(at) from memory_data.kpi_sample") == [later]
    assert value(db, "select array_agg(at) from memory_data.service_report") == [NOW]  # the last
    assert value(db, "select count(*) from memory_data.recall_sample") == 0


def test_recall_is_sampled_from_what_was_asked(db: Connection[Any]) -> None:
    for place in range(30):
        one(
            db,
            "remember",
            namespace="n",
            content=f"memory {place}",
            kind="session_data",
            embedding=vector(1, place),
            now=NOW,
        )
    assert call(db, "sample_recall", now=NOW) == []
    call(
        db,
        "note_queries",
        namespaces=["n", "empty"],
        embeddings=[vector(1, 3), vector(1, 4)],
        now=NOW,
    )
    assert call(db, "sample_recall", now=NOW) == [{"hits": 10, "wanted": 10}]
    assert known(db)["recall", "total"]["value"] == 1
