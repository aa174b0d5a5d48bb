"""KPIs, alerts and health over HTTP and for Prometheus: the same as in SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from anyio import to_thread
from prometheus_client.parser import text_string_to_metric_families

from service.background.watch import reporter
from service.core.memory import Watch
from tests.api.running import PROBLEM, problem, running
from tests.sql.calls import call, session, value
from tests.sql.filling import overfill
from tests.watch.forced import force
from tests.watch.forced_disk import force_disk, near_on_disk

if TYPE_CHECKING:
    import httpx2

    from tests.api.running import Running

pytestmark = pytest.mark.anyio


async def test_a_kpi_is_the_same_in_sql_over_http_and_for_prometheus(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "_INTERVAL", 3600)  # only what is forced is reported
    async with running(clone_url) as service:
        api = service.client(await service.key())
        with session(clone_url) as db:
            call(db, "allow_jobs", allowed=False)
            db.execute("delete from memory_data.service_report")
            expected = force(db, datetime.now(UTC))
            # in a thread: what the service is in the midst of goes on, and ends
            on_disk = await to_thread.run_sync(force_disk, db, datetime.now(UTC))
            in_sql = {(row["kpi"], row["scope"]): row["value"] for row in call(db, "kpis")}
        answer = await api.get("/v1/kpis")
        over_http = {(row["kpi"], row["scope"]): row["value"] for row in answer.json()["kpis"]}
        shown = await service.http.get("/metrics")
        prometheus = {
            (sample.name.removeprefix("magray_kpi_"), sample.labels["scope"]): sample.value
            for family in text_string_to_metric_families(shown.text)
            for sample in family.samples
            if sample.name.startswith("magray_kpi_")
        }
    assert set(over_http) == set(in_sql)
    assert set(prometheus) == {key for key, number in in_sql.items() if number is not None}
    for key, (number, _) in expected.items():
        # what depends on the clock goes on while it is asked for
        near = pytest.approx(number, rel=0.02, abs=3)
        assert in_sql[key] == near, key
        assert over_http[key] == pytest.approx(in_sql[key], rel=0.02, abs=3), key
        assert prometheus[key] == pytest.approx(over_http[key], rel=0.02, abs=3), key
    for key, (number, _) in on_disk.items():
        assert in_sql[key] == near_on_disk(key[0], number), key
        # a vacuum by itself may add a page, and whoever reads one may prune it
        same = pytest.approx(in_sql[key], rel=0.02)
        assert over_http[key] == same, key
        assert prometheus[key] == same, key


async def test_what_the_service_counts_arrives_in_the_kpis(clone_url: str) -> None:
    async with running(clone_url) as service:
        api = service.client(await service.key())
        memory = {"namespace": "n", "content": "a fox"}
        await api.post("/v1/memories", json={"memories": [memory], "wait": True})
        for _ in range(5):
            answer = await api.post("/v1/search", json={"namespace": "n", "query": "fox"})
            assert answer.status_code == 200
        text = (await service.http.get("/metrics")).text
    # the service has said goodbye, with its last counts
    with session(clone_url) as db:
        found = {(row["kpi"], row["scope"]): row["value"] for row in call(db, "kpis")}
    assert found["search_rate", "total"] > 0
    assert found["error_rate", "total"] == 0
    assert found["cache_hit_rate", "query"] == pytest.approx(4 / 5)
    assert 0 < found["search_latency", "p50"] <= found["search_latency", "p99"]
    assert 'magray_search_seconds_bucket{le="+Inf"} 5.0' in text


async def points(api: httpx2.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/kpis/history", params=asked)
    found: list[dict[str, Any]] = answer.json()["points"]
    return found


async def test_history_is_thinned_and_bounded(api: httpx2.AsyncClient, service: Running) -> None:
    now = datetime.now(UTC)
    with session(service.url) as db:
        for minute in range(30):
            call(db, "sample_kpis", now=now - timedelta(minutes=minute))
    short = await points(api, kpi="size", hours=1)
    assert {point["scope"] for point in short} == {"interact", "insights", "assets", "total"}
    assert 29 <= sum(point["scope"] == "total" for point in short) <= 31
    assert [point["at"] for point in short] == sorted(point["at"] for point in short)
    long = await points(api, kpi="size", hours=720)
    # half an hour lies in one of the intervals of 2.4 hours, or across the end of one
    assert 1 <= sum(point["scope"] == "total" for point in long) <= 2
    refused = await api.get("/v1/kpis/history", params={"kpi": "size", "hours": 0})
    assert refused.headers["content-type"].startswith(PROBLEM)


async def test_alerts_are_listed_acknowledged_and_silenced(
    api: httpx2.AsyncClient, service: Running
) -> None:
    now = datetime.now(UTC)
    with session(service.url) as db:
        call(db, "allow_jobs", allowed=False)
        # a new installation: the template of this one may be older than a check may stay away
        db.execute("update memory_data.schedule set since = now()")
        overfill(db, "interact")
        db.execute("update memory_data.alert_rule set lasts = '0' where severity = 'critical'")
        # a job that had begun before they were switched off may be at it
        while value(db, "select count(*) = 0 from memory.alerts where severity = 'critical'"):
            call(db, "check_alerts", now=now)
    alerts = (await api.get("/v1/alerts")).json()["alerts"]
    (high,) = [
        one
        for one in alerts
        if one["rule"] == "memory pressure high" and one["scope"] == "interact"
    ]
    assert (high["state"], high["severity"]) == ("open", "critical")
    health = (await service.http.get("/health")).json()
    assert health["status"] == "failing"
    assert {reason["rule"] for reason in health["reasons"]} == {
        "memory pressure high",
        "check of alerts",
    }
    for one in alerts:
        answer = await api.post(f"/v1/alerts/{one['id']}/acknowledge")
        assert answer.status_code == 200
    assert {one["acknowledged_by"] for one in answer.json()["alerts"]} == {"test"}
    assert (await service.http.get("/health")).json()["status"] == "degraded"
    until = (now + timedelta(hours=1)).isoformat()
    silenced = await api.put(
        "/v1/alerts/silence", json={"rule": "memory pressure high", "until": until}
    )
    assert {
        one["silenced_until"] is not None
        for one in silenced.json()["alerts"]
        if one["rule"] == "memory pressure high"
    } == {True}
    unknown = await api.put("/v1/alerts/silence", json={"rule": "x", "until": None})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ML404")
    for beyond in (10**19, -(10**30)):
        problem(await api.post(f"/v1/alerts/{beyond}/acknowledge"), 400, code="ML400")
    gone = await api.post("/v1/alerts/999999/acknowledge")
    assert (gone.status_code, gone.json()["code"]) == (404, "ML404")
    with session(service.url) as db:
        db.execute("update memory_data.layer set max_bytes = 1 << 29 where name = 'interact'")
        call(db, "measure_pressure")
        # of this rule: jobs that are switched off grow late, which is another one
        active = "select count(*) > 0 from memory.alerts where state <> 'resolved' and rule = %s"
        while value(db, active, "memory pressure high"):
            call(db, "check_alerts", now=now + timedelta(minutes=1))
    health = (await service.http.get("/health")).json()
    assert health["status"] == "degraded"  # jobs are switched off, and it says so
    assert [reason["hint"] for reason in health["reasons"]] == ["select memory.allow_jobs();"]
    with session(service.url) as db:
        call(db, "allow_jobs")
    assert (await service.http.get("/health")).json() == {"status": "ok", "reasons": []}
    over = (await api.get("/v1/alerts", params={"resolved": True})).json()["alerts"]
    assert high["id"] in [one["id"] for one in over if one["state"] == "resolved"]


@pytest.mark.parametrize("path", ["/v1/kpis", "/v1/kpis/history?kpi=size", "/v1/alerts"])
async def test_they_are_not_for_a_key_of_one_namespace(service: Running, path: str) -> None:
    bound = service.client(await service.key("n", scopes=("read", "write", "admin")))
    assert (await bound.get(path)).status_code == 403


async def test_without_a_database_metrics_go_on_and_health_says_so(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise psycopg.OperationalError("the server is gone")

    monkeypatch.setattr(Watch, "kpis", away)
    monkeypatch.setattr(Watch, "health", away)
    text = (await service.http.get("/metrics")).text
    assert "magray_kpis_known 0.0" in text
    assert "magray_search_seconds_count" in text
    health = (await service.http.get("/health")).json()
    assert (health["status"], health["reasons"][0]["rule"]) == ("failing", "database")
