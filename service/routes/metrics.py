"""`/metrics`, for Prometheus; no part of the API."""

from __future__ import annotations

import psycopg
import structlog
from litestar import Response, get
from litestar.plugins.prometheus import PrometheusController

from service.services import Services

log = structlog.get_logger("magray.metrics")


class Metrics(PrometheusController):
    """The requests counted, what this process counts beside them, and the KPIs of the database."""

    include_in_schema = False

    @get()
    async def get(self, services: Services) -> Response[bytes]:
        """Ask for the KPIs, then show everything; without them when the database is away."""
        try:
            services.kpi_metrics.kpis = await services.watch.kpis()
        except psycopg.Error as error:
            services.kpi_metrics.kpis = []
            log.warning("no KPIs", error=str(error).partition("\n")[0])
        shown: Response[bytes] = await PrometheusController.get.fn(self)
        return shown
