"""What each part of the dashboard shows: rows of the database, made ready for its template."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from service.dashboard.charts import bars, lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.core.memory import DashboardCalls, Watch
    from service.core.model.watch import KpiPoint

    Panel = Callable[[], Awaitable[dict[str, Any]]]

_HOURS = 6  # that the charts of performance look back
_EVERY = 120.0  # seconds between two of their points
_FLOW_HOURS = 24
_PATIENCE = 3.0  # seconds


class Panels:
    """Gathers the context of each template.

    Args:
        calls: rows beside KPIs and alerts.
        watch: KPIs and alerts.
    """

    def __init__(self, calls: DashboardCalls, watch: Watch) -> None:
        self._calls = calls
        self._watch = watch
        self.by_name: dict[str, Panel] = {
            "health": self._health,
            "layers": self._layers,
            "kpis": self._kpis,
            "flow": self._flow,
            "performance": self._performance,
            "promotions": self._promotions,
            "alerts": self._alerts,
            "jobs": self._jobs,
            "backups": self._backups,
        }

    async def _health(self) -> dict[str, Any]:
        # a database that is away is to be seen before whoever looks goes on believing the last "ok"
        async with asyncio.timeout(_PATIENCE):
            return {"health": await self._watch.health()}

    async def _layers(self) -> dict[str, Any]:
        return {"layers": await self._calls.layers()}

    async def _kpis(self) -> dict[str, Any]:
        groups = defaultdict(list)
        for one in await self._watch.kpis():
            groups[one.kpi_group].append(one)
        return {"groups": groups}

    async def _flow(self) -> dict[str, Any]:
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        hours = [now - timedelta(hours=back) for back in range(_FLOW_HOURS - 1, -1, -1)]
        found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        for row in await self._calls.flow(_FLOW_HOURS):
            way = f"{row.layer} {row.action}"
            if row.to_layer:
                way = f"{row.layer} → {row.to_layer}"
            found[way][row.hour] += row.records
        series: dict[str, list[float | None]] = {
            way: [found[way].get(hour) for hour in hours] for way in sorted(found)
        }
        return {
            "chart": bars("flow", hours, series, "memories"),
            # of what is drawn: the rows reach into the hour before
            "total": sum(value or 0 for values in series.values() for value in values),
        }

    async def _performance(self) -> dict[str, Any]:
        moments = _bins(datetime.now(UTC))
        names = ["search_latency", "search_rate", "cache_hit_rate", "error_rate"]
        points = await self._watch.kpi_history(names, since=moments[0], every=_EVERY)
        return {
            "charts": {
                "Search latency": _chart(moments, points, {"search_latency"}, "ms"),
                "Searches": _chart(moments, points, {"search_rate"}, "per s"),
                "Cache hits and errors": _chart(
                    moments, points, {"cache_hit_rate", "error_rate"}, ""
                ),
            }
        }

    async def _promotions(self) -> dict[str, Any]:
        return {"promotions": await self._calls.promotions(20)}

    async def _alerts(self) -> dict[str, Any]:
        return {"alerts": await self._watch.alerts(resolved=True, limit=20)}

    async def _jobs(self) -> dict[str, Any]:
        return {"jobs": await self._calls.jobs()}

    async def _backups(self) -> dict[str, Any]:
        kpis = {one.kpi: one for one in await self._watch.kpis() if one.kpi_group == "backup"}
        return {"backups": await self._calls.backups(10), "kpis": kpis}


def _bins(now: datetime) -> list[datetime]:
    """Every point a chart has a place for, as the database bins them; so an outage is a gap."""
    last = int(now.timestamp() // _EVERY)
    first = last - int(_HOURS * 3600 / _EVERY)
    return [datetime.fromtimestamp(one * _EVERY, UTC) for one in range(first, last + 1)]


def _chart(moments: list[datetime], points: list[KpiPoint], kpis: set[str], unit: str) -> Any:
    """A line for each scope of these KPIs."""
    wanted = [point for point in points if point.kpi in kpis]
    by_name: dict[str, dict[datetime, float]] = defaultdict(dict)
    for point in wanted:
        name = point.scope if len(kpis) == 1 else f"{point.kpi.replace('_', ' ')} {point.scope}"
        by_name[name][point.at] = round(point.value, 3)
    series = {name: [values.get(at) for at in moments] for name, values in sorted(by_name.items())}
    return lines(", ".join(sorted(kpis)), moments, series, unit)
