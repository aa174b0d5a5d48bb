"""`magray train`: train the relevance of memories, and score them by it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.backend import open_database, verify
from service.core.database import connect
from service.core.errors import NothingToLearnError
from service.core.logs import configure_logs
from service.core.memory import Training
from service.core.readable import counted
from service.core.settings import load_settings

if TYPE_CHECKING:
    from jobs.statistics import Interval
    from jobs.train.evaluation import Evaluation
    from jobs.train.training import Trained
    from service.core.model.operation import ScheduledTraining
    from service.core.model.training import TrainedModel
    from service.core.settings import Settings

DAILY = "23 3 * * *"
_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_SHOWN_IMPORTANCES = 10


class _Horizon(click.ParamType[timedelta]):
    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """A number and a unit, such as `6 hours`."""
        if isinstance(value, timedelta):
            return value
        number, _, unit = str(value).strip().partition(" ")
        try:
            horizon = timedelta(seconds=float(number) * _UNITS[unit.strip().removesuffix("s")])
        except (KeyError, ValueError, OverflowError):
            self.fail("give a number and minutes, hours, days or weeks: '6 hours'", param, ctx)
        if horizon <= timedelta(0):
            self.fail("a horizon is longer than 0", param, ctx)
        return horizon


HORIZON = _Horizon()


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what a model would be worth.")
@click.option(
    "--score-only", is_flag=True, help="Train nothing; score every memory by the model in use."
)
@click.option(
    "--horizon",
    type=HORIZON,
    help="How soon a memory must be used again: '6 hours'. [each layer's own]",
)
@click.option("--layer", help="Learn from this layer, and score only it. [all layers]")
@click.option(
    "--limit",
    type=click.IntRange(1000, 1_000_000),
    default=50_000,
    show_default=True,
    help="Most training rows.",
)
@click.option(
    "--if-ready",
    is_flag=True,
    help="With too little to learn from, or no model to score by, say so and end with exit code 0."
    " What is scheduled does this.",
)
@click.option(
    "--schedule",
    is_flag=False,
    flag_value=DAILY,
    metavar="CRON",
    help=f"Train by a cron schedule from now on ('{DAILY}' when none is given), and score every"
    " hour; 'off' ends it. Nothing is trained now.",
)
@json_option
def train(
    dry_run: bool,
    score_only: bool,
    horizon: timedelta | None,
    layer: str | None,
    limit: int,
    if_ready: bool,
    schedule: str | None,
    as_json: bool,
) -> None:
    """Train the relevance of memories on how they were used, and score every memory by it.

    The model is stored with what it was worth on a later time than it has seen; it is used only if
    it is better than the fixed weighting for certain. With too little to learn from nothing is
    changed, and the exit code is 65, or 0 with --if-ready.
    """
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    if schedule is not None:
        cron = None if schedule == "off" else schedule
        print_rows(asyncio.run(_schedule(settings, cron)), as_json=as_json, empty="no such jobs")
        return
    try:
        if score_only:
            print_rows([asyncio.run(_score_only(settings))], as_json=as_json, empty="")
            return
        trained, scored = asyncio.run(_train(settings, horizon, layer, limit, dry_run=dry_run))
    except NothingToLearnError as error:
        if not if_ready:
            raise
        why = f"Nothing to do: {error.message}. {error.detail}".strip()
        print_rows([], as_json=as_json, empty=why)
        return
    if as_json:
        print_rows([as_row(trained, scored)], as_json=True, empty="")
    else:
        _print(trained, scored)


async def _schedule(settings: Settings, cron: str | None) -> list[ScheduledTraining]:
    async with open_database(settings) as database:
        await verify(database, None)
        async with connect(database.url, role="memory_operator") as connection:
            return await Training(connection).schedule_training(cron)


async def _score_only(settings: Settings) -> dict[str, Any]:
    async with open_database(settings) as database:
        await verify(database, None)
        async with connect(database.url, role="memory_operator") as connection:
            calls = Training(connection)
            model = await calls.find_model()
            if model is None:
                raise NothingToLearnError(
                    "no model is in use, the fixed weighting answers", hint="magray train"
                )
            return {"model": model.name, "scored": await _score(calls, model)}


async def _train(
    settings: Settings,
    horizon: timedelta | None,
    layer: str | None,
    limit: int,
    *,
    dry_run: bool,
) -> tuple[Trained, int]:
    # scikit-learn takes two seconds to import: not for `--schedule`
    from jobs.train.training import STAGES, Wish, train

    async with open_database(settings) as database:
        await verify(database, None)
        async with connect(database.url, role="memory_operator") as connection:
            calls = Training(connection)
            wish = Wish(now=await calls.now(), horizon=horizon, layer=layer, limit=limit)
            with make_progress() as progress:
                task = progress.add_task("training", total=len(STAGES), unit="")
                trained = await train(
                    calls,
                    wish,
                    dry_run=dry_run,
                    on_stage=lambda stage: progress.update(task, description=stage, advance=1),
                )
            model = await calls.find_model(trained.model) if trained.activated else None
            return trained, 0 if model is None else await _score(calls, model)


async def _score(calls: Training, model: TrainedModel) -> int:
    from jobs.train.scoring import score_all

    now = await calls.now()
    with make_progress() as progress:
        total = await calls.count_records(model.layer)
        task = progress.add_task("scoring", total=total, unit="memories")
        return await score_all(calls, model, now, advance=lambda n: progress.advance(task, n))


def as_row(trained: Trained, scored: int) -> dict[str, Any]:
    """A training as one JSON object."""
    learned = trained.learned
    return {
        "model": trained.model,
        "name": trained.name,
        "algorithm": learned.algorithm,
        "activated": trained.activated,
        "scored": scored,
        "rows": learned.rows,
        "features": learned.features,
        "combination": learned.combination,
        "metrics": learned.metrics(),
        "importances": learned.evaluation.importances,
    }


def _print(trained: Trained, scored: int) -> None:
    console = Console(highlight=False)
    learned = trained.learned
    for name, one in learned.slices.items():
        console.print(
            f"{name:<10}{one['rows']:>7,} rows, {one['used_again']:,} used again,"
            f" {one['from'][:16]} to {one['to'][:16]}"
        )
    console.print(methods_table(f"{learned.algorithm}, on the latest slice", learned.evaluation))
    console.print(_calibration(learned.evaluation))
    shown = list(learned.evaluation.importances.items())[:_SHOWN_IMPORTANCES]
    console.print("AUC lost without: " + ", ".join(f"{name} {lost:.3f}" for name, lost in shown))
    weights = ", ".join(f"{name} {value:.2f}" for name, value in learned.combination.items())
    console.print(f"ML score: {weights}")
    if trained.model is None:
        would = "would" if learned.evaluation.beats_fallback else "would not"
        console.print(f"Dry run: nothing was stored; it {would} be used.")
    elif trained.activated:
        console.print(
            f"In use as model {trained.model}; {counted(scored, 'memory', 'memories')} scored."
        )
    else:
        console.print(
            f"Stored as model {trained.model}, not used: it is not better than the fixed weighting"
            " for certain."
        )


def methods_table(title: str, evaluation: Evaluation) -> Table:
    """The methods with AUC, average precision and Brier score, each with its 95% interval."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", "AUC", "average precision", "Brier", "relevance is better by"):
        table.add_column(column, justify="left" if not column else "right")
    for name, one in evaluation.methods.items():
        gain = evaluation.gains.get(name)
        table.add_row(
            name,
            shown(one.auc),
            shown(one.average_precision),
            shown(one.brier),
            "" if gain is None else shown(gain, sign="+"),
        )
    return table


def shown(interval: Interval, *, sign: str = "") -> str:
    """A number with its interval: `0.912 (0.905-0.919)`."""
    low, high = (f"{one:{sign}.3f}" for one in (interval.low, interval.high))
    between = " to " if sign else "-"
    return f"{interval.value:{sign}.3f} ({low}{between}{high})"


def _calibration(evaluation: Evaluation) -> Table:
    table = Table(
        title="Calibration", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for column in ("rows", "predicted", "used again"):
        table.add_column(column, justify="right")
    for one in evaluation.calibration:
        table.add_row(f"{one.records:,}", f"{one.foretold:.3f}", f"{one.came:.3f}")
    return table
