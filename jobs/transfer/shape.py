"""What a file looks like that is not of the format it was said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jobs.files.source import Source
    from service.core.errors import FileError

_EXAMPLE = '{"namespace": "ann", "content": "…", "created_at": "2026-01-31T12:00:00Z"}'


class Shape(NamedTuple):
    """A known format: how people call it, and the one of `magray import` that reads it."""

    name: str
    readable: str | None = None


def looks_like(value: Any) -> Shape | None:
    """The format a document or a line of a file is of, as far as its shape tells."""
    if isinstance(value, list):
        return looks_like(value[0]) if value else None
    if not isinstance(value, dict):
        return None
    fields = set(value)
    return next(
        (
            shape
            for shape, is_it in (
                (Shape("an export of MAGRAY", "jsonl"), "magray" in fields),
                (Shape("memories as JSON lines", "jsonl"), {"namespace", "content"} <= fields),
                (
                    Shape("conversations of LoCoMo", "locomo"),
                    isinstance(value.get("conversation"), dict),
                ),
                (Shape("conversations exported from ChatGPT"), "mapping" in fields),
                (Shape("conversations exported from Claude"), "chat_messages" in fields),
                (Shape("chat messages for OpenAI"), "messages" in fields),
                (Shape("an export of Letta"), {"agents", "blocks"} <= fields),
                (Shape("a dump of Qdrant"), _is_qdrant(value)),
                (Shape("a dump of Chroma"), {"ids", "documents"} <= fields),
                (Shape("a dump of Pinecone"), bool({"values", "vectors"} & fields)),
                (Shape("a dump of Weaviate"), bool({"properties", "objects"} & fields)),
                (
                    Shape("an export of mem0", "mem0"),
                    "memory" in fields
                    or any(isinstance(value.get(name), list) for name in ("results", "memories")),
                ),
            )
            if is_it
        ),
        None,
    )


def _is_qdrant(value: dict[str, Any]) -> bool:
    """A point, a list of points, or what scrolling and retrieving answer."""
    found = value.get("result", value)
    if isinstance(found, dict):
        found = found.get("points", [found])
    first = found[0] if isinstance(found, list) and found else None
    return isinstance(first, dict) and isinstance(first.get("payload"), dict)


def foreign(source: Source, value: Any, wanted: str, file: str) -> FileError | None:
    """The error about a file of another format; None when it does not look like one.

    Args:
        source: the file.
        value: its first line or the document.
        wanted: the format it was said to be.
        file: what such a file is, for people.
    """
    found = looks_like(value)
    if found is None or found.readable == wanted:
        return None
    hint = (
        f"magray import {source.name} --format {found.readable}"
        if found.readable
        else "make JSON lines of it, such as: " + _EXAMPLE
    )
    return source.error(f"is no {file}", f"It looks like {found.name}.", hint)
