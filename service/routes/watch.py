"""`/v1/kpis`, `/v1/alerts`: how the service is. They span namespaces, and so must the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Controller, Request, get, post, put
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from service.core.model.watch import Alerts, KpiHistory, Kpis, Silence
from service.routes.body import StrictBody
from service.routes.responses import problems
from service.services import Services
from service.web.access import all_namespaces_only

# A chart needs no more points than it is wide.
_POINTS = 300
# The largest number PostgreSQL counts alerts with.
_MOST = 2**63 - 1


class WatchRoutes(Controller):
    """KPIs and alerts."""

    path = "/v1"
    tags = ("watch",)
    dto = StrictBody
    return_dto = None
    guards = (all_namespaces_only,)

    @get("/kpis", summary="The KPIs", operation_id="kpis", responses=problems())
    async def kpis(self, services: Services) -> Kpis:
        """Every KPI of this moment, with unit, window and meaning."""
        return Kpis(kpis=await services.watch.kpis())

    @get(
        "/kpis/history", summary="KPIs over time", operation_id="kpi_history", responses=problems()
    )
    async def kpi_history(
        self,
        services: Services,
        kpi: Annotated[list[str], QueryParameter(min_items=1, max_items=20)],
        hours: Annotated[float, QueryParameter(gt=0, le=24 * 366)] = 24,
    ) -> KpiHistory:
        """The minutely samples of KPIs, thinned to at most 300 points by their means."""
        since = datetime.now(UTC) - timedelta(hours=hours)
        every = max(60.0, hours * 3600 / _POINTS)
        return KpiHistory(points=await services.watch.kpi_history(kpi, since=since, every=every))

    @get("/alerts", summary="The alerts", operation_id="alerts", responses=problems())
    async def alerts(
        self,
        services: Services,
        resolved: FromQuery[bool] = False,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    ) -> Alerts:
        """Alerts that are pending or open; with `resolved` those that are over as well."""
        return Alerts(alerts=await services.watch.alerts(resolved=resolved, limit=limit))

    @post(
        "/alerts/{alert_id:int}/acknowledge",
        status_code=200,
        summary="Look after an alert",
        operation_id="acknowledge_alert",
        opt={"scope": "admin"},
        responses=problems(404),
    )
    async def acknowledge(
        self,
        alert_id: Annotated[int, PathParameter(ge=-_MOST - 1, le=_MOST)],
        services: Services,
        request: Request[Any, Any, Any],
    ) -> Alerts:
        """It stays open until its value is back, but health no longer counts it as failing."""
        await services.watch.acknowledge(alert_id, request.user.name)
        return Alerts(alerts=await services.watch.alerts(resolved=False, limit=1000))

    @put(
        "/alerts/silence",
        summary="Silence a rule",
        operation_id="silence_alert",
        opt={"scope": "admin"},
        responses=problems(404, 413),
    )
    async def silence(self, data: JSONBody[Silence], services: Services) -> Alerts:
        """Nobody is told about the rule's alerts until then; one that is open then is told."""
        await services.watch.silence(data.rule, data.until)
        return Alerts(alerts=await services.watch.alerts(resolved=False, limit=1000))
