"""Reader of mem0's exports and listings.

Takes what `get_all`, `search` and the export endpoint answer: an object with `results` or
`memories`, a bare list, or one object a line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jobs.transfer.item import DEFAULT_KIND, EXPIRED, Item, Skip, guarded, unfit
from jobs.transfer.shape import foreign
from jobs.transfer.times import read_moment
from service.core.errors import FileError
from service.core.model.memories import NewMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.files.source import Source
    from jobs.transfer.item import Choice, Entry

_FILE = "export of mem0"
_TEXTS = ("memory", "text", "data")
_UNREAD = object()


class _Memory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of mem0; those after `expiration_date` mean nothing here and are left aside."""

    id: str | int | None = None
    memory: str | None = None
    text: str | None = None
    data: str | None = None
    user_id: str | int | None = None
    agent_id: str | int | None = None
    run_id: str | int | None = None
    metadata: dict[str, Any] | None = None
    categories: list[str] | None = None
    created_at: str | int | float | None = None
    updated_at: str | int | float | None = None
    expiration_date: Any = None

    app_id: Any = None
    actor_id: Any = None
    role: Any = None
    name: Any = None
    type: Any = None
    hash: Any = None
    score: Any = None
    event: Any = None
    input: Any = None
    old_memory: Any = None
    new_memory: Any = None
    keywords: Any = None
    timestamp: Any = None
    immutable: Any = None
    owner: Any = None
    organization: Any = None
    org_id: Any = None
    project_id: Any = None
    is_deleted: Any = None
    deleted_at: Any = None
    custom_categories: Any = None
    structured_attributes: Any = None
    internal_metadata: Any = None
    payload: Any = None
    relations: Any = None


def read_mem0(source: Source, choice: Choice) -> Iterator[Entry]:
    """The memories of an export: user_id is the namespace, run_id the session.

    agent_id, categories, updated_at and the id (as mem0_id) go into the metadata; expiration_date
    is the end, and what is past it is skipped.

    Raises:
        FileError: it is not JSON, an item has the wrong shape, or names no user.
    """
    for place, raw, value in _items(source, choice):
        yield guarded(choice, place, raw, lambda: _read(source, choice, place, raw, value))  # noqa: B023


def _read(source: Source, choice: Choice, place: str, raw: bytes, value: Any) -> Entry:
    if value is _UNREAD:
        value = source.value(raw, place)
    if isinstance(value, dict):
        value = {key: one for key, one in value.items() if key not in choice.ignored}
    found: _Memory = source.convert(value, _Memory, place)
    if not any(name in value for name in _TEXTS):
        raise source.error(
            f"{place} is no memory of mem0", f"It has none of the fields {', '.join(_TEXTS)}."
        )
    content = found.memory or found.text or found.data or ""
    if reason := unfit(content):
        return Skip(place, reason, raw)
    metadata = dict(found.metadata or {})
    namespace = choice.namespace or _text(found.user_id) or _text(metadata.pop("user_id", None))
    if not namespace:
        raise source.error(
            f"{place} names no user_id",
            "The user is the namespace a memory goes to.",
            "magray import FILE --format mem0 --namespace NAME",
        )
    try:
        end = read_moment(found.expiration_date, whole_day=True)
    except ValueError as error:
        raise source.error(
            f"{place}: expiration_date is no time", f"Given: {found.expiration_date!r}."
        ) from error
    if end is not None and end <= datetime.now(UTC):
        return Skip(place, EXPIRED, raw)
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
        "session": _text(found.run_id),
        "created_at": _created(found.created_at),
        "pinned": choice.forever and end is None,
    }
    return Item(place, source.convert(fields, NewMemory, place), end, raw)


def _items(source: Source, choice: Choice) -> Iterator[tuple[str, bytes, Any]]:
    """Each memory with its place and text. One object a line is read without holding all of it."""
    lines = source.lines()
    number, first = next(lines, (0, b""))
    if not first:
        raise source.error("is empty")
    try:
        start: Any = source.value(first, f"line {number}")
    except FileError:
        start = None  # a document that goes on in the next lines
    if isinstance(start, dict) and not {"results", "memories"} & set(start):
        _refuse_foreign(source, start)
        yield f"line {number}", first, _UNREAD
        for number, line in lines:
            yield f"line {number}", line, _UNREAD
        return
    for place, value in enumerate(_document(source, first), 1):
        raw = json.dumps(value).encode() if choice.skip_faults else b""
        yield f"memory {place}", raw, value


def _document(source: Source, first: bytes) -> list[Any]:
    """The memories of a file that is one document and begins with these bytes."""
    document: Any = source.value(first + source.read(), "the file")
    _refuse_foreign(source, document)
    if isinstance(document, dict):
        document = document.get("results", document.get("memories", document))
    if not isinstance(document, list):
        raise source.error(
            f"is no {_FILE}",
            'Expected a list, an object with "results" or "memories", or one object a line.',
        )
    _refuse_foreign(source, document)
    return document


def _refuse_foreign(source: Source, value: Any) -> None:
    if error := foreign(source, value, "mem0", _FILE):
        raise error


def _created(value: str | int | float | None) -> datetime | None:
    """When it was created; None when that cannot be told."""
    try:
        return read_moment(value)
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    """An id as text; None when it is empty."""
    return str(value) if value not in {None, ""} else None
