"""`magray bench lifecycle`: what promotion, counting and planning cost, and how it grows."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console
from rich.table import Table

from jobs.bench import lifecycle as benchmark
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from jobs.statistics import median_interval, ratio_of_medians
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from typing import Any

    from jobs.bench.lifecycle import Costs
    from service.core.settings import Settings

_WIDTH = 110


@click.command()
@click.option(
    "--records",
    multiple=True,
    default=(100_000, 1_000_000),
    show_default=True,
    help="Records there are; may be given twice.",
)
@click.option("--runs", default=5, show_default=True, help="Times each thing is measured.")
@json_option
def lifecycle(records: tuple[int, ...], runs: int, as_json: bool) -> None:
    """Time the evaluation for promotion, the counting of uses, and the plan of an eviction."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    measured = asyncio.run(_measure(settings, records, runs))
    rows = [_row(one, measured[0]) for one in measured]
    if as_json:
        print_rows(rows, as_json=True, empty="")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['records']:,} records", justify="right")
    for name, label in _LABELS.items():
        table.add_row(label, *(_shown(row[name]) for row in rows))
    console.print(table)


async def _measure(settings: Settings, sizes: tuple[int, ...], runs: int) -> list[Costs]:
    measured = []
    with make_progress() as progress:
        for size in sizes:
            task = progress.add_task(f"{size:,} records", total=benchmark.steps(runs), unit="steps")
            async with scratch_database(settings, None) as scratch:
                measured.append(
                    await benchmark.measure(
                        scratch,
                        records=size,
                        runs=runs,
                        advance=partial(progress.advance, task, 1),
                    )
                )
    return measured


_LABELS = {
    "candidates": "used often enough to be looked at",
    "evaluated_per_second": "records evaluated for promotion / s, never judged before",
    "growth": "  time for each record, against the first size",
    "again_per_second": "records evaluated / s once verdicts are stored",
    "again_growth": "  time for each record, against the first size",
    "moved": "moved by one scheduled run",
    "moving_seconds": "  seconds of that run, verdicts written too",
    "touches_per_second": "uses counted / s",
    "wal_bytes": "  bytes of WAL each",
    "evict_seconds": "seconds to plan the eviction of a tenth of insights",
}


def _row(costs: Costs, first: Costs) -> dict[str, Any]:
    return {
        "records": costs.records,
        "candidates": costs.candidates,
        "evaluated_per_second": costs.records / median_interval(costs.judging).value,
        "growth": ratio_of_medians(
            costs.judging / costs.records, first.judging / first.records
        ).value,
        "again_per_second": costs.records / median_interval(costs.again).value,
        "again_growth": ratio_of_medians(
            costs.again / costs.records, first.again / first.records
        ).value,
        "moved": costs.moved,
        "moving_seconds": costs.moving,
        "touches_per_second": benchmark.BATCH / median_interval(costs.touching).value,
        "wal_bytes": median_interval(costs.wal).value,
        "evict_seconds": costs.evicting,
    }


def _shown(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if isinstance(number, int) or number >= 100 else f"{number:.2f}"
