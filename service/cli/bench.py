"""`magray bench`: measurements anybody can repeat, each in a database of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import rich_click as click
from rich.console import Console
from rich.table import Table

from jobs.bench.evidence import metric_names
from jobs.bench.recall import (
    BM25,
    HEADLINE,
    METHODS,
    ask,
    ask_bm25,
    collect_questions,
    evaluate,
    fill,
)
from jobs.files.source import open_source
from jobs.scratch import scratch_database
from jobs.transfer.item import Choice, Item
from jobs.transfer.locomo import conversation_entries, load_conversations
from service.cli.bench_backup import backup
from service.cli.bench_compress import compress
from service.cli.bench_expire import expire
from service.cli.bench_lifecycle import lifecycle
from service.cli.bench_search import search
from service.cli.bench_train import train
from service.cli.bench_watch import watch
from service.cli.bench_write import write
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.cli.simulate import bench_evict
from service.core.backend import load_embedder
from service.core.logs import configure_logs
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.bench.recall import Group, Questions
    from jobs.statistics import Interval
    from jobs.transfer.locomo import Conversation

# Wide enough for the tables where no terminal says how wide it is.
_WIDTH = 110


@click.group()
def bench() -> None:
    """Measure quality and speed, in a scratch database that is dropped afterwards."""


def _cutoffs(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter("give numbers such as 1,5,10,20") from error
    if not numbers or numbers[0] < 1 or numbers[-1] > 100:
        raise click.BadParameter("the numbers lie between 1 and 100")
    return numbers


@bench.command()
@click.option("--data", required=True, help="Conversations with questions and their evidence.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["locomo"]),
    default="locomo",
    show_default=True,
    help="How the file is written.",
)
@click.option(
    "--top-k",
    "cutoffs",
    default="1,5,10,20",
    show_default=True,
    callback=_cutoffs,
    help="Where rankings are cut.",
)
@json_option
def recall(data: str, format_: str, cutoffs: tuple[int, ...], as_json: bool) -> None:
    """Evidence recall at turn level of the search, beside its parts alone and plain BM25."""
    del format_  # one so far
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    began = time.monotonic()
    with open_source(data) as source:
        conversations = load_conversations(source)
        questions = collect_questions(conversations)
        if not questions.asked:
            raise source.error("holds no question with usable evidence")
    groups = asyncio.run(_recall(settings, conversations, questions, cutoffs))
    if as_json:
        _print_json(groups, questions)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    _print_data(console, conversations, questions)
    for method, what in METHODS.items():
        if method in groups[0].results:
            console.print(f"  {method:<11}{what}", markup=False)
    _print_headline(console, groups[0], cutoffs)
    _print_gains(console, groups[0], cutoffs)
    _print_groups(console, groups, cutoffs)
    console.print(f"{time.monotonic() - began:.0f} s")


async def _recall(
    settings: Settings,
    conversations: Sequence[Conversation],
    questions: Questions,
    cutoffs: Sequence[int],
) -> list[Group]:
    items = [
        entry
        for one in conversations
        for entry in conversation_entries(one, Choice())
        if isinstance(entry, Item)
    ]
    # first, for it fails at once when its packages are missing
    bm25 = await anyio.to_thread.run_sync(ask_bm25, items, questions.asked)
    embedder = await anyio.to_thread.run_sync(load_embedder, settings)
    try:
        async with scratch_database(settings, embedder) as scratch:
            with make_progress() as progress:
                filling = progress.add_task("embedding", total=len(items), unit="turns")
                asking = progress.add_task("asking", total=len(questions.asked), unit="questions")
                await fill(scratch.memory, embedder, items, lambda n: progress.advance(filling, n))
                rankings = await ask(
                    scratch.memory, embedder, questions.asked, lambda n: progress.advance(asking, n)
                )
    finally:
        if embedder is not None:
            embedder.close()
    return evaluate(questions.asked, {**rankings, BM25: bm25}, cutoffs)


def _print_data(
    console: Console, conversations: Sequence[Conversation], questions: Questions
) -> None:
    turns = sum(len(one.turns) for one in conversations)
    console.print(
        f"{len(conversations)} conversations, {turns:,} turns, {len(questions.asked):,} questions; "
        f"{questions.without_evidence} left out for want of usable evidence"
    )
    if questions.mended or questions.dropped:
        dropped = f": {', '.join(questions.dropped[:10])}" if questions.dropped else ""
        console.print(
            f"evidence ids: {questions.mended} mended, {len(questions.dropped)} dropped{dropped}",
            markup=False,
        )


def _print_headline(console: Console, group: Group, cutoffs: Sequence[int]) -> None:
    table = _table(f"{group.name}: {group.questions:,} questions, % (95% interval)")
    table.add_column("")
    for method in group.results:
        table.add_column(method, justify="right")
    left_out = {f"all@{k}" for k in cutoffs} - set(_short(cutoffs))
    for name in metric_names(cutoffs):
        if name not in left_out:
            table.add_row(name, *(_cell(result[name]) for result in group.results.values()))
    console.print()
    console.print(table)


def _print_gains(console: Console, group: Group, cutoffs: Sequence[int]) -> None:
    names = _short(cutoffs)
    table = _table("The search minus each other method, question by question (95% interval)")
    table.add_column("minus")
    for name in names:
        table.add_column(name, justify="right")
    for method, gain in group.gains.items():
        table.add_row(method, *(_difference(gain[name]) for name in names))
    if group.gains:
        console.print()
        console.print(table)


def _print_groups(console: Console, groups: Sequence[Group], cutoffs: Sequence[int]) -> None:
    names = _short(cutoffs)
    table = _table("By category, % (95% interval)")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for group in groups[1:] if groups[0].name == HEADLINE else groups:
        table.add_row(f"[bold]{group.name}[/], {group.questions:,} questions")
        for method, result in group.results.items():
            table.add_row(f"  {method}", *(_cell(result[name]) for name in names))
    console.print()
    console.print(table)
    console.print()


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def _short(cutoffs: Sequence[int]) -> list[str]:
    k = 10 if 10 in cutoffs else cutoffs[-1]
    return [f"R@{k}", f"any@{k}", f"all@{k}", "MRR"]


def _cell(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def _difference(interval: Interval) -> str:
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.value:+.1f} ({low:+.1f} to {high:+.1f})"


def _print_json(groups: Sequence[Group], questions: Questions) -> None:
    rows: list[dict[str, Any]] = [
        {
            "group": group.name,
            "questions": group.questions,
            "method": method,
            "metrics": _numbers(result),
            "search_minus_method": _numbers(group.gains.get(method, {})),
        }
        for group in groups
        for method, result in group.results.items()
    ]
    rows.append(
        {
            "questions": len(questions.asked),
            "without_evidence": questions.without_evidence,
            "evidence_mended": questions.mended,
            "evidence_dropped": questions.dropped,
        }
    )
    print_rows(rows, as_json=True, empty="")


def _numbers(result: dict[str, Interval]) -> dict[str, list[float]]:
    return {
        name: [round(one.value, 4), round(one.low, 4), round(one.high, 4)]
        for name, one in result.items()
    }


bench.add_command(search)
bench.add_command(train)
bench.add_command(lifecycle)
bench.add_command(bench_evict)
bench.add_command(compress)
bench.add_command(expire)
bench.add_command(backup)
bench.add_command(watch)
bench.add_command(write)
