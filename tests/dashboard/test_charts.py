"""What the charts draw: a time axis that can be read, and gaps where nothing was measured."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.core.model.dashboard import Flow
from service.core.model.watch import KpiPoint
from service.dashboard.charts import bars, lines
from service.dashboard.panels import Panels

HOUR = datetime(2026, 6, 1, 9, tzinfo=UTC)
EVERY_2_MIN = [HOUR + timedelta(minutes=2 * one) for one in range(181)]


def named(drawing: str) -> list[str]:
    """The labels of the time axis."""
    axis = drawing.partition('class="axis x')[2]
    return re.findall(r'<text[^>]* class="major">(\d[^<]*:[^<]*)</text>', axis)


def strokes(drawing: str) -> list[str]:
    return re.findall(r'<path d="(M[^"]*)" class="line reactive', drawing)


def test_the_time_axis_names_round_times_in_full() -> None:
    drawing = lines("latency", EVERY_2_MIN, {"p50": [float(one) for one in range(181)]}, "ms")
    assert named(drawing) == [
        f"{at:%H:%M}" for at in (HOUR + timedelta(minutes=30 * one) for one in range(13))
    ]
    hours = [HOUR + timedelta(hours=one) for one in range(24)]
    assert named(bars("flow", hours, {"a": [1.0] * 24}, "memories")) == [
        f"{at:%H:%M}" for at in hours if at.hour % 2 == 0
    ]


def test_an_outage_is_a_gap_of_its_length() -> None:
    whole = [1.0] * 181
    assert len(strokes(lines("latency", EVERY_2_MIN, {"p50": whole}, "ms"))) == 1
    outage = [*whole[:60], *[None] * 30, *whole[90:]]
    before, after = strokes(lines("latency", EVERY_2_MIN, {"p50": outage}, "ms"))
    ends, begins = (float(re.findall(r"[\d.]+", one)[at]) for one, at in ((before, -2), (after, 0)))
    left, right = (float(re.findall(r"[\d.]+", one)[at]) for one, at in ((before, 0), (after, -2)))
    assert 0.15 < (begins - ends) / (right - left) < 0.19


def test_a_value_without_a_neighbour_is_a_dot_and_the_drawing_does_not_change_by_itself() -> None:
    lone = [None] * 90 + [1.0] + [None] * 90
    drawing = lines("latency", EVERY_2_MIN, {"p50": lone}, "ms")
    assert drawing.count("<circle") == 1
    assert drawing == lines("latency", EVERY_2_MIN, {"p50": lone}, "ms")


class Sampled:
    """A watch that measured a search rate every two minutes, but for an hour of the last three."""

    async def kpi_history(self, _: list[str], *, since: datetime, every: float) -> list[KpiPoint]:
        moments = [since + timedelta(seconds=every * one) for one in range(90, 181)]
        return [
            KpiPoint(at=at, kpi="search_rate", scope="all", value=1.0)
            for one, at in enumerate(moments)
            if not 30 <= one < 60
        ]


@pytest.mark.anyio
async def test_the_performance_of_six_hours_is_drawn_with_its_outage() -> None:
    watch: Any = Sampled()
    charts = (await Panels(watch, watch).by_name["performance"]())["charts"]
    before, after = strokes(charts["Searches"])
    assert len(named(charts["Searches"])) in (12, 13)
    assert float(re.findall(r"[\d.]+", before)[0]) > 200
    assert float(re.findall(r"[\d.]+", after)[-2]) > 500


class Moved:
    """Promotions in each of 25 hours, the first of which is no longer drawn."""

    async def flow(self, hours: int) -> list[Flow]:
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return [
            Flow(
                hour=now - timedelta(hours=back),
                layer="interact",
                action="promote",
                to_layer="insights",
                records=10,
            )
            for back in range(hours + 1)
        ]


@pytest.mark.anyio
async def test_the_total_of_the_flow_is_of_what_is_drawn() -> None:
    calls: Any = Moved()
    assert (await Panels(calls, calls).by_name["flow"]())["total"] == 240
