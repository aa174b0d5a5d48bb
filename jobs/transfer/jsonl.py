"""Reader of MAGRAY's own format: one memory a line, new ones and those of an export.

A line of an export begins with `"magray": 1` and is put in as it was. Any other is a new memory in
the shape of `NewMemory`; it may name its end as a time, `expires_at`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from jobs.files.source import MAX_LINE
from jobs.transfer.item import MAX_CHARS, Item, Record, Skip, guarded, unfit
from jobs.transfer.shape import foreign
from jobs.transfer.whole import VERSION, Name, Whole
from service.core.model.memories import Kind, NewMemory, Score, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.files.source import Source
    from jobs.transfer.item import Choice, Entry

# A document of many lines is no such file; it is looked at, up to `MAX_LINE`, to tell what it is.
_FILE = "file of memories, one JSON object a line"


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new memory."""

    namespace: Name
    content: Annotated[str, Meta(max_length=MAX_CHARS)]
    kind: Kind = "user_interaction"
    embedding: Vector | None = None
    metadata: dict[str, Any] | None = None
    session: Name | None = None
    importance: Score | None = None
    pinned: bool | None = None
    ttl: Annotated[float, Meta(ge=0.001, le=1e10)] | Annotated[str, Meta(max_length=100)] | None = (
        None
    )
    expires_at: datetime | None = None
    language: Name | None = None
    created_at: datetime | None = None


def read_jsonl(source: Source, choice: Choice) -> Iterator[Entry]:
    """The memories of a file, a line at a time; unknown fields and wrong types are errors.

    With `choice.namespace` a line needs no namespace of its own.

    Raises:
        FileError: a line is not JSON or has the wrong shape; the file is empty or of another
            format.
    """
    empty = True
    for number, line in source.lines():
        place = f"line {number}"
        if empty:
            _check_format(source, line)
            empty = False
        yield guarded(choice, place, line, lambda: _read(source, choice, place, line))  # noqa: B023
    if empty:
        raise source.error("is empty", "It holds no line.")


def _check_format(source: Source, line: bytes) -> None:
    """Refuse a file whose first line shows that it is of another format."""
    try:
        first = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not line.lstrip().startswith((b"[", b"{")):
            return
        try:  # a document of many lines?
            first = msgspec.json.decode(line + source.look_ahead(MAX_LINE))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        raise foreign(source, first, "", _FILE) or source.error(
            f"is no {_FILE}", "It is one JSON document of many lines."
        ) from None
    if error := foreign(source, first, "jsonl", _FILE):
        raise error


def _read(source: Source, choice: Choice, place: str, line: bytes) -> Entry:
    fields = source.value(line, place)
    if isinstance(fields, dict):
        ignored = choice.ignored & fields.keys()
        if ignored:
            raw: dict[str, msgspec.Raw] = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
            line = msgspec.json.encode({key: raw[key] for key in raw if key not in ignored})
            fields = {key: value for key, value in fields.items() if key not in ignored}
        if choice.namespace is not None:
            fields = {**fields, "namespace": choice.namespace}
        if "magray" in fields:
            return _whole(source, choice, place, line, fields)
    found: _Line = source.convert(fields, _Line, place)
    if reason := unfit(found.content):
        return Skip(place, reason, line)
    if found.ttl is not None and found.expires_at is not None:
        raise source.error(f"{place} has a ttl and expires_at", "One of them is enough.")
    memory = NewMemory(
        namespace=found.namespace,
        content=found.content,
        kind=choice.kind or found.kind,
        embedding=found.embedding,
        metadata=found.metadata or {},
        session=found.session,
        importance=found.importance,
        pinned=bool(found.pinned) or (choice.forever and not (found.ttl or found.expires_at)),
        ttl=found.ttl,
        language=found.language,
        created_at=found.created_at,
    )
    end = found.expires_at
    return Item(place, memory, end if end is None or end.tzinfo else end.replace(tzinfo=UTC), line)


def _whole(
    source: Source, choice: Choice, place: str, line: bytes, fields: dict[str, Any]
) -> Entry:
    version = fields["magray"]
    if version != VERSION:
        raise source.error(
            f"{place} is of another version of the format",
            f"Its is {version}; this MAGRAY reads {VERSION}.",
            "read it with the MAGRAY that wrote it, or a newer one",
        )
    if choice.kind or choice.forever:
        raise source.error(
            f"{place} is a memory of an export, which is put in as it was",
            "Its kind and its end are its own.",
            "leave --kind and --keep out",
        )
    found: Whole = source.convert(fields, Whole, place)
    if reason := unfit(found.content):
        return Skip(place, reason, line)
    model = None if found.embedding is None else found.model or "an unknown model"
    return Record(place, found.namespace, line, model)
