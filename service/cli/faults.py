"""A wrong file is a sentence, its place, what to do, and exit code 65 (sysexits: data)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from jobs.transfer.item import FileError
from service.cli.reported import ToldExit

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_DATA = 65


@contextmanager
def file_faults() -> Iterator[None]:
    """Print a FileError and end with exit code 65."""
    try:
        yield
    except FileError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        console.print(f"magray: {error.message}", style="bold red")
        if error.detail:
            console.print(error.detail)
        if error.hint:
            console.print(f"try: {error.hint}", style="green")
        raise ToldExit(EXIT_DATA, error.message, detail=error.detail, hint=error.hint) from error
