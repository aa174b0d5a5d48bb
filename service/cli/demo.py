"""`magray demo`: a small conversation stored, searched and explained, offline, in seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.demo.conversation import NAMESPACE
from jobs.demo.tour import take_tour
from service.core.backend import open_backend
from service.core.logs import configure_logs
from service.core.readable import counted
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from jobs.demo.tour import Answer, Tour
    from service.core.model.memories import Criterion, Hit, Layer

_MIB = 1 << 20
_LOOK = 'magray psql -c "select namespace, layer, kind, left(content, 60) from memory.records"'


@click.command()
def demo() -> None:
    """Store a small conversation, search it, show the layers and one explained memory."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    console = Console(highlight=False)
    began = time.monotonic()
    with console.status("starting PostgreSQL, storing and embedding …"):
        tour = asyncio.run(_demo(settings))
    _show(console, tour)
    console.print(
        f"\n{time.monotonic() - began:.1f} s, and nothing left this machine. "
        f"Everything lies in namespace {NAMESPACE}; look for yourself:",
        markup=False,
    )
    console.print(f"  {_LOOK}\n  magray serve", style="green", soft_wrap=True, markup=False)


async def _demo(settings: Settings) -> Tour:
    async with open_backend(settings, expects_one=False) as backend:
        return await take_tour(backend)


def _show(console: Console, tour: Tour) -> None:
    created = sum(row.created for row in tour.stored)
    known = len(tour.stored) - created
    before = f", {known} recognised from a run before" if known else ""
    told = counted(len(tour.stored), "memory", "memories")
    console.print(f"[bold]1. Remember[/] {told}: {created} new{before}")
    console.print("\n[bold]2. Recall[/] score = words + meaning + speaker")
    for answer in tour.answers:
        _show_answer(console, answer)
    console.print("\n[bold]3. Three layers[/]")
    console.print(_layers(tour.layers))
    hit, criteria = tour.explained
    console.print("\n[bold]4. Why is it where it is?[/] used three times and rated 5 just now:")
    console.print(f"   {_said(hit)}", markup=False)
    console.print(_criteria(criteria))


def _show_answer(console: Console, answer: Answer) -> None:
    console.print(f"\n   [bold cyan]{answer.question}[/]  [dim]{answer.shows}[/]")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("score", "words", "meaning", "speaker"):
        table.add_column(column, justify="right", style="" if column == "score" else "dim")
    table.add_column("memory")
    for hit in answer.hits:
        parts = hit.explain or {}
        numbers = (
            f"{parts[name]:.2f}" if name in parts else ""
            for name in ("words", "meaning", "speaker")
        )
        table.add_row(f"{hit.score:.2f}", *numbers, Text(_said(hit)))
    console.print(table)


def _said(hit: Hit) -> str:
    speaker, date = hit.metadata.get("speaker"), hit.metadata.get("date")
    return (f"{speaker}, {date}: " if speaker else f"({hit.kind}) ") + hit.content


def _layers(layers: list[Layer]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("layer", "lives", "holds", "bytes", "limit", "when full", "promoted above"):
        table.add_column(
            column, justify="right" if column in {"holds", "bytes", "limit"} else "left"
        )
    for one in layers:
        table.add_row(
            one.layer,
            "for ever" if one.ttl_seconds is None else _life(one.ttl_seconds),
            f"{one.memories}",
            f"{one.bytes:,}",
            f"{one.max_bytes // _MIB:,} MiB",
            one.eviction_policy,
            f"{one.promotion_threshold:.1f} to {one.next_layer}"
            if one.promotion_threshold
            else "-",
        )
    return table


def _life(seconds: float) -> str:
    life = timedelta(seconds=seconds)
    return f"{life.days} d" if life.days > 1 else f"{life.total_seconds() / 3600:.0f} h"


def _criteria(criteria: list[Criterion]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("part or criterion", "value", "must exceed", "", "because"):
        table.add_column(column, justify="right" if column in {"value", "must exceed"} else "left")
    verdicts = {True: "[green]holds[/]", False: "[yellow]not yet[/]", None: ""}
    for one in criteria:
        table.add_row(
            one.criterion,
            "" if one.value is None else f"{one.value:,.2f}",
            "" if one.threshold is None else f"{one.threshold:,.2f}",
            verdicts[one.passed],
            one.note,
        )
    return table
