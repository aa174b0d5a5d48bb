"""`magray bench search`: the speed of a search beside hand-written queries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import rich_click as click
from rich.console import Console
from rich.table import Table

from jobs.bench import search as benchmark
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from jobs.statistics import median_interval, ratio_of_medians
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from typing import Any

    from service.core.settings import Settings

# way -> what it is, and what its median is divided by
_ROWS = {
    "plain": ("by hand: b-tree on namespace, heap", "by hand"),
    "covering": ("by hand: vector INCLUDEd, index-only", "by hand"),
    "ids": ("by hand: index-only, ids alone", "by hand"),
    "search": ("memory.search, vector", "by hand"),
    "search_words": ("memory.search, question and vector", "search"),
    "http": ("POST /v1/search, vector", "search"),
    "http_words": ("POST /v1/search, question and vector", "search_words"),
}
_WIDTH = 110


@click.command()
@click.option("--namespaces", default=180, show_default=True, help="Namespaces of 500 memories.")
@click.option(
    "--large", default=0, show_default=True, help="Memories in one more, large namespace."
)
@click.option("--calls", default=300, show_default=True, help="Calls of each way in each group.")
@json_option
def search(namespaces: int, large: int, calls: int, as_json: bool) -> None:
    """Time memory.search and POST /v1/search against the best query written by hand."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    rows = asyncio.run(_search(settings, namespaces, large, calls))
    if as_json:
        print_rows(rows, as_json=True, empty="")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        table = Table(
            title=f"{group}: recall@10 {members[0]['recall']:.4f}, "
            f"{members[0]['short']} answers with fewer than 10 rows",
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
        )
        for column in ("", "median ms", "ratio (95% interval)", "of"):
            table.add_column(column)
        for row in members:
            table.add_row(
                row["what"],
                f"{row['median_ms']:.3f}",
                f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})",
                row["of"],
            )
        console.print(table)
        console.print()


async def _search(
    settings: Settings, namespaces: int, large: int, calls: int
) -> list[dict[str, Any]]:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            total = namespaces * benchmark.SMALL + 10_000 + large
            filling = progress.add_task("storing", total=total, unit="memories")
            groups = await benchmark.fill(
                scratch,
                namespaces=namespaces,
                large=large,
                advance=lambda n: progress.advance(filling, n),
            )
            asking = progress.add_task("searching", total=len(groups) * (5 + calls), unit="rounds")
            await benchmark.measure(
                scratch, groups, calls=calls, advance=lambda n: progress.advance(asking, n)
            )
    return [row for group in groups for row in _rows(group)]


def _rows(group: benchmark.Group) -> list[dict[str, Any]]:
    samples = benchmark.medians(group)
    rows = []
    for way, (what, reference) in _ROWS.items():
        ratio = ratio_of_medians(samples[way], samples[reference])
        rows.append(
            {
                "group": group.name,
                "what": what,
                "median_ms": median_interval(samples[way]).value,
                "ratio": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "of": _ROWS[reference][0] if reference in _ROWS else "the better by hand",
                "recall": float(np.mean(group.recalls)),
                "short": group.short,
            }
        )
    return rows
