"""How commands print: a table for people, JSON lines for programs.

A table that is wider than the terminal becomes a block a row, a value a line, as psql's expanded
form: with every cell folded in the middle of its words it can be neither read nor copied.
"""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click
from rich.cells import cell_len
from rich.console import Console

from service.core.readable import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNFOLDED = 10_000  # columns: a file or a pipe has no edge, and a search in it must find its words
_GAP = 2  # blanks between two columns
_NARROWEST = 30  # columns a value gets at least, however long its name

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def print_rows(
    rows: Sequence[dict[str, Any] | msgspec.Struct], *, as_json: bool, empty: str
) -> None:
    """Print rows that share their columns; `empty` when there is none."""
    if as_json:
        for row in rows:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
        return
    if not rows:
        print_line(empty)
        return
    told = [row if isinstance(row, dict) else msgspec.structs.asdict(row) for row in rows]
    cells = [[shown(value) for value in row.values()] for row in told]
    titles = list(told[0])
    width = edge()
    if _width([titles, *cells]) > width:
        blocks = ["\n".join(_block(titles, row, width)) for row in cells]
        print_line("\n\n".join(blocks))
        return
    widths = [max(cell_len(row[place]) for row in [titles, *cells]) for place in range(len(titles))]
    for line in [titles, *cells]:
        padded = (
            cell + " " * (room - cell_len(cell)) for cell, room in zip(line, widths, strict=True)
        )
        print_line((" " * _GAP).join(padded).rstrip())


def print_facts(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one row, a value a line; what is not known is left out."""
    if as_json:
        print_rows([row], as_json=True, empty="")
        return
    known = {name: shown(value) for name, value in row.items() if value is not None}
    print_line("\n".join(_block(list(known), list(known.values()), edge())))


def print_line(text: str) -> None:
    """Print text as it stands: no markup, no colours, broken nowhere but where it says so."""
    Console(highlight=False, markup=False, emoji=False, soft_wrap=True).print(text)


def edge() -> int:
    """Columns there are to print in: the terminal's, `COLUMNS`, or as many as it takes."""
    console = Console()
    if console.is_terminal:
        return console.width
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isdecimal() and int(told) else _UNFOLDED


def _width(table: list[list[str]]) -> int:
    """Columns a table takes; a cell of several lines fits nowhere."""
    if any("\n" in cell for row in table for cell in row):
        return _UNFOLDED + 1
    return sum(max(map(cell_len, column)) + _GAP for column in zip(*table, strict=True)) - _GAP


def _block(titles: list[str], row: list[str], width: int) -> list[str]:
    """One row, a value a line; a long value goes on below itself, no word of it is cut."""
    room = max(map(cell_len, titles), default=0) + _GAP
    lines: list[str] = []
    for title, cell in zip(titles, row, strict=True):
        if not cell:
            continue
        head = title + " " * (room - cell_len(title))
        for piece in fold(cell, width - room):
            lines.append((head + piece).rstrip())
            head = " " * room
    return lines


def fold(text: str, width: int) -> list[str]:
    """Text in lines of about this width, at least one; no word is cut: it may be a path."""
    room = max(width, _NARROWEST)
    return [
        piece
        for line in text.splitlines() or [""]
        for piece in (
            [line]
            if cell_len(line) <= room
            else textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)
        )
    ]
