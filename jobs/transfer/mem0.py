"""Reader of mem0's exports and listings.

Takes what `get_all`, `search` and the export endpoint answer: an object with `results` or
`memories`, a bare list, or one object a line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from jobs.transfer.item import DEFAULT_KIND, Item, Skip, unfit
from service.model import NewMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.transfer.item import Choice, Entry
    from jobs.transfer.source import Source


class _Memory(Struct, frozen=True, kw_only=True):
    """The fields of mem0 that mean something here; others are left aside."""

    id: str | int | None = None
    memory: str | None = None
    text: str | None = None
    data: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    metadata: dict[str, Any] | None = None
    categories: list[str] | None = None
    created_at: str | None = None
    updated_at: str | None = None


def read_mem0(source: Source, choice: Choice) -> Iterator[Entry]:
    """The memories of an export: user_id is the namespace, run_id the session.

    agent_id, categories, updated_at and the id (as mem0_id) go into the metadata.

    Raises:
        FileError: it is not JSON, an item has the wrong shape, or names no user.
    """
    for place, value in _items(source):
        found: _Memory = source.convert(value, _Memory, place)
        content = found.memory or found.text or found.data or ""
        if reason := unfit(content):
            yield Skip(place, reason)
            continue
        metadata = dict(found.metadata or {})
        namespace = choice.namespace or found.user_id or metadata.pop("user_id", None)
        if not namespace:
            raise source.error(
                f"{place} names no user_id",
                "The user is the namespace a memory goes to.",
                "magray import FILE --format mem0 --namespace NAME",
            )
        extra = {
            "mem0_id": found.id,
            "agent_id": found.agent_id,
            "categories": found.categories,
            "updated_at": found.updated_at,
        }
        metadata |= {key: item for key, item in extra.items() if item}
        fields = {
            "namespace": namespace,
            "content": content,
            "kind": choice.kind or DEFAULT_KIND,
            "metadata": metadata,
            "session": found.run_id or None,
            "created_at": _time(found.created_at),
        }
        yield Item(place, source.convert(fields, NewMemory, place))


def _items(source: Source) -> Iterator[tuple[str, Any]]:
    """Each memory with its place. Only one object a line is read without holding all of it."""
    lines = source.lines()
    number, first = next(lines, (0, b""))
    if not first:
        raise source.error("is empty")
    try:
        start: Any = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError):
        start = None  # a document that goes on in the next lines
    if isinstance(start, dict) and not {"results", "memories"} & set(start):
        yield f"line {number}", start
        for number, line in lines:
            yield f"line {number}", source.decode(line, dict[str, Any], f"line {number}")
        return
    document: Any = source.decode(first + source.read(), Any, "the file")
    if isinstance(document, dict):
        document = document.get("results", document.get("memories", document))
    if not isinstance(document, list):
        raise source.error(
            "is no export of mem0",
            'Expected a list, an object with "results" or "memories", or one object a line.',
        )
    for place, value in enumerate(document, 1):
        yield f"memory {place}", value


def _time(text: str | None) -> datetime | None:
    """A point in time; mem0 writes some without a zone, which are UTC. None: cannot be told."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
