"""`magray bench train`: training on real access traces."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from jobs.bench.trace import read_trace, run
from jobs.files.source import open_source
from jobs.scratch import scratch_database
from jobs.train.evaluation import FIXED, METHODS
from jobs.train.training import STAGES
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.cli.train import as_row, shown
from service.core.errors import TrainingError
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from jobs.bench.trace import Run, Trace
    from service.core.settings import Settings

_WIDTH = 160


@click.command(name="train")
@click.option(
    "--trace", "traces", required=True, multiple=True, help="A trace: time,obj_id,size; repeatable."
)
@click.option(
    "--requests",
    type=click.IntRange(1000),
    default=200_000,
    show_default=True,
    help="Longer traces are thinned to about so many requests, by object.",
)
@click.option(
    "--limit",
    type=click.IntRange(1000, 1_000_000),
    default=50_000,
    show_default=True,
    help="Most training rows.",
)
@json_option
def train(traces: tuple[str, ...], requests: int, limit: int, as_json: bool) -> None:
    """Later-split AUC of the trained relevance on access traces, beside simpler scores.

    A trace is stretched to 24 days and learned from as by `magray train --horizon '1 day'`.
    """
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=8))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    table = _table()
    for name in traces:
        with open_source(name) as source:
            trace = read_trace(source, requests)
        try:
            outcome = asyncio.run(_run(settings, trace, limit))
        except TrainingError as error:
            if len(traces) == 1:
                raise
            print_rows([_failed(name, error)], as_json=as_json, empty="")
            continue
        if as_json:
            print_rows([_row(name, trace, outcome)], as_json=True, empty="")
        else:
            _add(table, name, trace, outcome)
    if not as_json:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _WIDTH
        console.print(table)
        console.print("AUC on a later split, in brackets 95% intervals from resampled objects")
        for method, what in METHODS.items():
            console.print(f"  {method:<20}{what}", markup=False)


async def _run(settings: Settings, trace: Trace, limit: int) -> Run:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            task = progress.add_task("replaying", total=len(STAGES) + 2, unit="")
            return await run(
                scratch,
                trace,
                limit=limit,
                on_stage=lambda stage: progress.update(task, description=stage, advance=1),
            )


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("trace", "requests", "objects", "used again", *METHODS, "used", "seconds"):
        table.add_column(column, justify="left" if column == "trace" else "right")
    return table


def _add(table: Table, name: str, trace: Trace, outcome: Run) -> None:
    learned = outcome.trained.learned
    latest = learned.slices["evaluate"]
    table.add_row(
        Path(name).name.split(".")[0],
        f"{len(trace.at):,}" + ("" if len(trace.at) == trace.requests else " *"),
        f"{trace.objects:,}",
        f"{100 * latest['used_again'] / latest['rows']:.0f}%",
        *(shown(learned.evaluation.methods[method].auc) for method in METHODS),
        "yes" if outcome.trained.activated else "no",
        "/".join(f"{taken:.0f}" for taken in outcome.seconds.values()),
    )


def _row(name: str, trace: Trace, outcome: Run) -> dict[str, Any]:
    return {
        "trace": Path(name).name,
        "requests": trace.requests,
        "replayed": len(trace.at),
        "objects": trace.objects,
        "seconds": outcome.seconds,
        "gain": vars(outcome.trained.learned.evaluation.gains[FIXED]),
        **as_row(outcome.trained, outcome.scored),
    }


def _failed(name: str, error: TrainingError) -> dict[str, Any]:
    return {"trace": Path(name).name, "error": error.message, "detail": error.detail}
