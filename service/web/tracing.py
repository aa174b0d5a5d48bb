"""Tracing with OpenTelemetry, for those who installed the extra `otel` and named an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.core.errors import ConfigError

if TYPE_CHECKING:
    from litestar.plugins import InitPlugin
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from service.core.settings import Settings

# They hold the query string, and that the namespace.
_PRIVATE = ("http.url", "http.target", "url.full", "url.query")


def plugins(settings: Settings) -> list[InitPlugin]:
    """A span a request, sent to `otlp_endpoint`; nothing without one.

    Raises:
        ConfigError: there is an endpoint, and the extra is not installed.
    """
    if settings.otlp_endpoint is None:
        return []
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ConfigError(
            "otlp_endpoint is set, and OpenTelemetry is not installed",
            detail=str(error),
            hint="pip install 'magray-memory[otel]'",
        ) from error
    return [make_plugin(OTLPSpanExporter(endpoint=settings.otlp_endpoint))]


def make_plugin(exporter: SpanExporter) -> InitPlugin:
    """The plugin that hands finished spans to an exporter, in batches."""
    from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "magray-memory"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OpenTelemetryPlugin(
        OpenTelemetryConfig(
            tracer_provider=provider,
            server_request_hook_handler=_forget_query,
            exclude_spans=["receive", "send"],
            exclude=["/health", "/metrics", "/assets", "/panel"],
        )
    )


def _forget_query(span: Span, scope: dict[str, Any]) -> None:
    """Whose memories are asked for is nobody else's business."""
    if span.is_recording():
        for name in _PRIVATE:
            span.set_attribute(name, scope["path"])
