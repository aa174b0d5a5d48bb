"""`magray simulate` and `magray bench evict`: access traces through the real SQL functions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import rich_click as click
from msgspec import structs
from rich.console import Console

from jobs.simulate.compare import EVICT, LIFECYCLE, outcome_row, replay, rival_rows
from jobs.simulate.replay import LAYERS, Outcome
from jobs.simulate.rivals import has_libcachesim, policy_names
from jobs.simulate.trace import read_trace
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.readable import counted
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from jobs.simulate.trace import Trace
    from service.core.settings import Settings

_ABSENT = (
    "Only LRU and LFU to compare with: the other policies are those of libcachesim, a development "
    "tool under the GPL (pip install libcachesim)."
)


def _share(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """A share of the trace's bytes, as 10% or 0.1."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", value)
    share = float(found[1]) / (100 if found[2] else 1) if found else 0
    if not 0 < share <= 1:
        raise click.BadParameter("give a share of the trace's bytes, such as 10%")
    return share


budget_option = click.option(
    "--budget",
    "share",
    default="10%",
    show_default=True,
    callback=_share,
    help="Bytes all layers together may hold, as a share of the bytes of the trace's objects.",
)
requests_option = click.option(
    "--requests", type=click.IntRange(min=1), help="Only so many requests of the trace."
)


@click.command()
@click.option("--trace", "path", required=True, help="csv or csv.gz: time,obj_id,size.")
@budget_option
@requests_option
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Seconds one unit of the trace's time stands for.",
)
@json_option
def simulate(path: str, share: float, requests: int | None, pace: float, as_json: bool) -> None:
    """Replay an access trace, weeks in minutes: what is promoted, expires, is evicted, is found."""
    settings = _settings()
    trace = read_trace(path, requests=requests, pace=pace)
    lifecycle, misses = asyncio.run(_compare(settings, trace, share, lifecycle=True))
    groups = {"by day": _by_day(lifecycle), "accesses by layer": _by_layer(lifecycle)}
    if lifecycle.blocking:
        groups["what blocks promotion"] = _blocking(lifecycle)
    groups["at the same bytes"] = misses
    if as_json:
        for group, rows in groups.items():
            print_rows([{"group": group} | row for row in rows], as_json=True, empty="")
        return
    console = Console(highlight=False)
    _print_trace(console, trace, share)
    for group, rows in groups.items():
        console.print(f"\n[bold]{group}[/]")
        print_rows(rows, as_json=False, empty="nothing")
    _print_absent(console)


@click.command("evict")
@click.option(
    "--traces",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of traces, NAME.csv.gz: time,obj_id,size.",
)
@click.option("--only", multiple=True, help="Name of a trace, without .csv.gz; may be repeated.")
@budget_option
@requests_option
@json_option
def bench_evict(
    folder: Path, only: tuple[str, ...], share: float, requests: int | None, as_json: bool
) -> None:
    """What memory.evict misses on access traces, beside the policies of caches."""
    settings = _settings()
    names = only or [path.name.removesuffix(".csv.gz") for path in sorted(folder.glob("*.csv.gz"))]
    console = Console(highlight=False)
    table: list[dict[str, Any]] = []
    for name in names:
        trace = read_trace(str(folder / f"{name}.csv.gz"), requests=requests)
        _, misses = asyncio.run(_compare(settings, trace, share, lifecycle=False))
        if as_json:
            print_rows([{"trace": name} | row for row in misses], as_json=True, empty="")
        else:
            _print_trace(console, trace, share)
            print_rows(misses, as_json=False, empty="")
            console.print()
        table.extend(misses)
    if not as_json and table:
        print_rows(_means(table), as_json=False, empty="")
        _print_absent(console)


async def _compare(
    settings: Settings, trace: Trace, share: float, *, lifecycle: bool
) -> tuple[Outcome, list[dict[str, Any]]]:
    """The outcome of the lifecycle (or of eviction alone), and a row for each policy."""
    budget = int(trace.bytes * share)
    requests = len(trace.objects)
    with make_progress() as progress:
        ways = [LIFECYCLE, EVICT] if lifecycle else [EVICT]
        tasks = [progress.add_task(way, total=requests, unit="requests") for way in ways]
        others = progress.add_task(
            "others", total=requests * len(policy_names(budget)), unit="requests"
        )
        outcomes = [
            await replay(
                settings,
                trace,
                budget=budget,
                lifecycle=way == LIFECYCLE,
                advance=lambda n, task=task: progress.advance(task, n),  # type: ignore[misc]
            )
            for way, task in zip(ways, tasks, strict=True)
        ]
        rivals = await rival_rows(trace, budget, lambda n: progress.advance(others, n))
    rows = [outcome_row(way, outcome) for way, outcome in zip(ways, outcomes, strict=True)]
    return outcomes[0], sorted(rows + rivals, key=lambda row: row["objects_missed"])


def _settings() -> Settings:
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="trace", dim=8))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    return settings


def _by_day(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "day": day + 1,
            **{
                what: counted.get(what, 0)
                for what in ("requests", "hits", "stored", "promoted", "evicted", "expired")
            },
        }
        for day, counted in sorted(outcome.days.items())
    ]


def _by_layer(outcome: Outcome) -> list[dict[str, Any]]:
    """What share of all accesses each layer served, and what share none did."""
    missed = outcome.requests - sum(outcome.hits.values())
    return [
        {"layer": layer, "accesses": count, "share": round(count / outcome.requests, 4)}
        for layer, count in [*((one, outcome.hits[one]) for one in LAYERS), ("missed", missed)]
    ]


def _blocking(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"layer": layer, **structs.asdict(row)}
        for layer, rows in outcome.blocking.items()
        for row in rows
    ]


def _means(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [
        {
            "policy": policy,
            "mean objects_missed": round(
                mean(row["objects_missed"] for row in table if row["policy"] == policy), 4
            ),
        }
        for policy in dict.fromkeys(row["policy"] for row in table)
    ]
    return sorted(rows, key=lambda row: row["mean objects_missed"])


def _print_trace(console: Console, trace: Trace, share: float) -> None:
    requests = counted(len(trace.objects), "request")
    objects = counted(len(trace.object_sizes), "object")
    console.print(
        f"{trace.name}: {requests} for {objects} of"
        f" {trace.bytes:,} bytes over {trace.times[-1] / 86400:.1f} days;"
        f" {int(trace.bytes * share):,} bytes may be held",
        markup=False,
        soft_wrap=True,
    )


def _print_absent(console: Console) -> None:
    if not has_libcachesim():
        console.print(_ABSENT)
