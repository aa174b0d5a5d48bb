"""The formats `magray import` reads, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from jobs.transfer.jsonl import read_jsonl
from jobs.transfer.locomo import read_locomo
from jobs.transfer.mem0 import read_mem0

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobs.files.source import Source
    from jobs.transfer.item import Choice, Entry

    Reader: TypeAlias = Callable[[Source, Choice], Iterator[Entry]]

READERS: dict[str, Reader] = {"jsonl": read_jsonl, "locomo": read_locomo, "mem0": read_mem0}
