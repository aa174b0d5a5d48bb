"""Charts as SVG, drawn by pygal; colours and sizes come from the page's style sheet."""

from __future__ import annotations

import sys
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
    background="transparent", plot_background="transparent", foreground="currentColor",
    foreground_strong="currentColor", foreground_subtle="currentColor", font_family="inherit",
    label_font_size=13, major_label_font_size=13, legend_font_size=14, opacity=".85",
    colors=("#2f7ed8", "#d9822b", "#9351b5", "#2a9d6f", "#c8443c", "#6c7a89"),
)  # fmt: skip


def lines(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str
) -> Markup:
    """A line a series over the same moments; gaps where nothing was measured."""
    chart = pygal.Line(**_common(title, unit), show_dots=len(labels) < 3, stroke_style={"width": 2})
    return _drawn(chart, labels, series)


def bars(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str
) -> Markup:
    """Bars that stand on each other."""
    return _drawn(pygal.StackedBar(**_common(title, unit)), labels, series)


def _common(title: str, unit: str) -> dict[str, object]:
    return {
        "js": [], "style": _STYLE, "disable_xml_declaration": True, "no_prefix": False,
        "width": 640, "height": 240, "margin": 8, "legend_at_bottom": True, "title": None,
        "legend_box_size": 10, "show_minor_x_labels": False, "x_labels_major_count": 6,
        "truncate_legend": -1, "show_y_guides": True, "include_x_axis": True,
        "no_data_text": "nothing yet", "value_formatter": lambda number: f"{number:g} {unit}",
        "pretty_print": False, "x_title": None, "classes": (title.replace(" ", "-"),),
    }  # fmt: skip


def _drawn(
    chart: pygal.graph.graph.Graph, labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
) -> Markup:  # fmt: skip
    chart.x_labels = list(labels)
    for name, values in series.items():
        chart.add(name, list(values))
    chart.add_xml_filter(_without_scripts)
    # drawn by the library from our own numbers and names
    return Markup(chart.render(is_unicode=True))  # noqa: S704


def _without_scripts(root: Element) -> Element:
    """The drawing alone: what the library adds for its tooltips is not allowed to run here."""
    for parent in list(root.iter()):
        for child in [one for one in parent if str(one.tag).rpartition("}")[2] == "script"]:
            parent.remove(child)
    return root
