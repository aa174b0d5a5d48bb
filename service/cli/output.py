"""How commands print: a table for people, JSON lines for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNFOLDED = 10_000  # columns: a file or a pipe has no edge, and a search in it must find its words

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows that share their columns; `empty` when there is none."""
    if as_json:
        for row in rows:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)


def print_facts(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one row, a value a line: as a table it would fold them all in the middle of words."""
    facts = [{"": name, "value": value} for name, value in row.items() if value is not None]
    print_rows([row] if as_json else facts, as_json=as_json, empty="")
