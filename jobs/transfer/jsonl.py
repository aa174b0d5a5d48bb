"""Reader of MAGRAY's own format: one memory a line, in the shape of `NewMemory`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from jobs.transfer.item import Item, Skip, unfit
from service.model import NewMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.transfer.item import Choice, Entry
    from jobs.transfer.source import Source


def read_jsonl(source: Source, choice: Choice) -> Iterator[Entry]:
    """The memories of a file, a line at a time; unknown fields and wrong types are errors.

    With `choice.namespace` a line needs no namespace of its own.

    Raises:
        FileError: a line is not JSON or has the wrong shape.
    """
    for number, line in source.lines():
        place = f"line {number}"
        if choice.namespace is None:
            memory: NewMemory = source.decode(line, NewMemory, place)
        else:
            fields: dict[str, Any] = source.decode(line, dict[str, Any], place)
            memory = source.convert({**fields, "namespace": choice.namespace}, NewMemory, place)
        if reason := unfit(memory.content):
            yield Skip(place, reason)
            continue
        yield Item(place, replace(memory, kind=choice.kind) if choice.kind else memory)
