"""Charts as SVG, drawn by pygal; colours and sizes come from the page's style sheet."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pygal
from markupsafe import Markup
from pygal.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

# pygal leaves a finder of plugins that speaks a protocol Python gave up; nothing here needs it.
sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, pygal.PluginImportFixer)]

# currentColor and the page's variables, so that one drawing is right by day and by night
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="currentColor",
    foreground_strong="currentColor",
    foreground_subtle="currentColor",
    font_family="inherit",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    opacity=".85",
    colors=("#2f7ed8", "#d9822b", "#9351b5", "#2a9d6f", "#c8443c", "#6c7a89"),
)


# Of 640 pixels a dozen labels fit: the time between two, by the hours a chart covers.
_MARKS = ((6, 30), (12, 60), (24, 120))


def lines(
    title: str,
    moments: Sequence[datetime],
    series: Mapping[str, Sequence[float | None]],
    unit: str,
) -> Markup:
    """A line a series over moments of equal distance; gaps where nothing was measured."""
    chart = pygal.Line(
        **_common(title, unit),
        allow_interruptions=True,
        dots_size=1.5,
        stroke_style={"width": 2},
    )
    return _drawn(chart, title, moments, series)


def bars(
    title: str,
    moments: Sequence[datetime],
    series: Mapping[str, Sequence[float | None]],
    unit: str,
) -> Markup:
    """Bars that stand on each other."""
    return _drawn(pygal.StackedBar(**_common(title, unit)), title, moments, series)


def _common(title: str, unit: str) -> dict[str, object]:
    return {
        "js": [],
        "style": _STYLE,
        "disable_xml_declaration": True,
        "no_prefix": False,
        "width": 640,
        "height": 240,
        "margin": 8,
        "legend_at_bottom": True,
        "title": None,
        "legend_box_size": 10,
        "show_minor_x_labels": False,
        "truncate_label": -1,
        "truncate_legend": -1,
        "show_y_guides": True,
        "include_x_axis": True,
        "no_data_text": "nothing yet",
        "value_formatter": lambda number: f"{number:g} {unit}",
        "pretty_print": False,
        "x_title": None,
        "classes": (title.replace(" ", "-"),),
    }


def _drawn(
    chart: pygal.graph.graph.Graph,
    title: str,
    moments: Sequence[datetime],
    series: Mapping[str, Sequence[float | None]],
) -> Markup:
    # not the random one: the same numbers are the same drawing
    chart.uuid = re.sub(r"\W+", "-", title)
    chart.x_labels = [f"{at.astimezone(UTC):%H:%M}" for at in moments]
    chart.x_labels_major = _marked(moments)
    for name, values in series.items():
        chart.add(name, list(values), show_dots=_has_lone(values))
    chart.add_xml_filter(_without_scripts)
    # drawn by the library from our own numbers and names
    return Markup(chart.render(is_unicode=True))  # noqa: S704


def _marked(moments: Sequence[datetime]) -> list[str]:
    """The moments that are named: at round times, as many as fit."""
    hours = (moments[-1] - moments[0]) / timedelta(hours=1)
    minutes = next((every for longest, every in _MARKS if hours <= longest), 240)
    return [f"{at.astimezone(UTC):%H:%M}" for at in moments if at.timestamp() % (60 * minutes) == 0]


def _has_lone(values: Sequence[float | None]) -> bool:
    """Whether a value has no neighbour: without dots, no line would show it."""
    around = [None, *values, None]
    return any(
        before is None and value is not None and after is None
        for before, value, after in zip(around, around[1:], around[2:], strict=False)
    )


def _without_scripts(root: Element) -> Element:
    """The drawing alone: what the library adds for its tooltips is not allowed to run here."""
    for parent in list(root.iter()):
        for child in [one for one in parent if str(one.tag).rpartition("}")[2] == "script"]:
            parent.remove(child)
    return root
