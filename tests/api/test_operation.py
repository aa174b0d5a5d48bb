"""What operators see: health, metrics, the API's own document, request ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.running import Running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def namespace_filled(service: Running) -> str:
    client = service.client(await service.key())
    memory = {"namespace": "metrics", "content": "to be counted"}
    for _ in range(2):
        await client.post("/v1/memories", json={"memories": [memory]})
        await client.post("/v1/search", json={"namespace": "metrics", "query": "counted"})
    return "metrics"


async def test_a_running_service_is_alive_and_ready_without_a_key(service: Running) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await service.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_metrics_have_our_families(service: Running, namespace_filled: str) -> None:
    answer = await service.http.get("/metrics")
    assert answer.status_code == 200
    for line in (
        'magray_memories_remembered_total{result="created"}',
        'magray_memories_remembered_total{result="known"}',
        'magray_searches_total{source="database"}',
        'magray_cache_lookups_total{cache="query",result="hit"}',
        'magray_cache_lookups_total{cache="embedding",result="miss"}',
        "magray_requests_total{",
        "magray_request_duration_seconds_bucket{",
    ):
        assert line in answer.text, line
    # one series a route, not one an id
    await service.http.get("/v1/memories/01a209d9-e3e3-77da-be23-e6d3b884dc3e")
    assert "01a209d9" not in (await service.http.get("/metrics")).text


async def test_the_document_of_the_api_loads_nothing_from_elsewhere(service: Running) -> None:
    page = await service.http.get("/schema")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assets = [link for link in named if not link.startswith("data:")]
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/"), asset
        answer = await service.http.get(asset)
        assert answer.status_code == 200, asset
        assert answer.content
    others = set(re.findall(r"https?://[^\s\"'<>]+", page.text))
    assert not others, others


async def test_the_document_names_every_route_and_its_problems(service: Running) -> None:
    document = (await service.http.get("/schema/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert set(operations) == {
        "remember",
        "list_memories",
        "get",
        "update",
        "forget",
        "rate",
        "explain",
        "history",
        "search",
        "layers",
        "list_decisions",
        "run_lifecycle",
        "list_backups",
        "take_backup",
        "verify_backup",
        "drill_backup",
        "backup_run",
        "restore",
        "kpis",
        "kpi_history",
        "alerts",
        "acknowledge_alert",
        "silence_alert",
        "live",
        "ready",
        "health",
    }
    for name, operation in operations.items():
        assert operation["summary"]
        assert operation["tags"]
        if name not in {"live", "ready", "health"}:
            for status in ("400", "401", "403", "422", "503"):
                assert list(operation["responses"][status]["content"]) == [
                    "application/problem+json"
                ], (name, status)


@pytest.mark.parametrize("given", ["abc-123", "a" * 100, "{}()=,; ~"])
async def test_a_request_id_is_echoed(service: Running, given: str) -> None:
    for path in ("/health/live", "/v1/layers", "/nothing", "/schema/openapi.json"):
        answer = await service.http.get(path, headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a" * 101, "a\tb", b"caf\xe9", b"\xc3\xa9"])
async def test_an_unusable_request_id_is_replaced(service: Running, given: str | bytes) -> None:
    headers = [(b"X-Request-ID", given if isinstance(given, bytes) else given.encode())]
    answer = await service.http.get("/health/live", headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_every_request_has_an_id_of_its_own(service: Running) -> None:
    ids = {(await service.http.get("/health/live")).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
