"""Traces and the log of slow searches: what happened and how long, never whose memory it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog
from litestar import Litestar, get
from litestar.testing import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.core.settings import Settings
from service.web.tracing import make_plugin, plugins

if TYPE_CHECKING:
    import httpx2

    from tests.api.running import Running

PRIVATE = "ns-of-somebody"


def test_a_span_a_request_without_its_query() -> None:
    exporter = InMemorySpanExporter()
    plugin = make_plugin(exporter)

    @get("/v1/memories")
    async def listing() -> dict[str, int]:
        return {}

    with TestClient(Litestar([listing], plugins=[plugin])) as client:
        assert client.get("/v1/memories", params={"namespace": PRIVATE}).status_code == 200
    plugin.config.tracer_provider.force_flush()  # type: ignore[attr-defined]
    (span,) = exporter.get_finished_spans()
    assert "/v1/memories" in span.name
    assert span.resource.attributes["service.name"] == "magray-memory"
    assert PRIVATE not in span.to_json()


def test_without_an_endpoint_there_is_no_tracing() -> None:
    assert plugins(Settings()) == []
    assert len(plugins(Settings(otlp_endpoint="http://127.0.0.1:9/v1/traces"))) == 1


@pytest.mark.anyio
async def test_slow_searches_are_told_without_the_namespace(
    api: httpx2.AsyncClient, service: Running, namespace: str
) -> None:
    recall: Any = service.app.dependencies["services"].dependency().recall  # type: ignore[union-attr]
    request = {"namespace": namespace, "query": "where is the fox", "filters": {"session": "s"}}
    with structlog.testing.capture_logs() as logged:
        await api.post("/v1/search", json=request)
        recall._slow_ms = 0.001
        await api.post("/v1/search", json=request)
        recall._slow_ms = 0
    (slow,) = [one for one in logged if one["event"] == "slow search"]
    assert (slow["words"], slow["vector"], slow["filters"]) == (4, False, ["session"])
    assert namespace not in str(slow)
    assert "fox" not in str(slow)
