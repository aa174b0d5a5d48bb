"""Entity tags (RFC 9110, 8.8.3 and 13.1): whether a memory still is what a caller saw of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeVar

from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.exceptions import ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

if TYPE_CHECKING:
    from service.model import Changed, MemoryRecord

UNCHANGED = ResponseSpec(
    data_container=None, description="It is as it was.", generate_examples=False
)
ETAG = [
    ResponseHeader(
        name="ETag",
        documentation_only=True,
        description="Differs after every edit; send it as If-Match.",
    )
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        description="Only if the ETag is still one of these; `*`: whatever it is.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        required=False,
        description="304 without a body while the ETag is one of these.",
    ),
]
_TAG = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')
_Tagged = TypeVar("_Tagged", "MemoryRecord", "Changed")


def strong(header: str | None) -> list[str] | None:
    """The tags an If-Match names; weak ones match nothing. None without the header.

    Raises:
        ValidationException: it names no tags (400).
    """
    return None if header is None else [tag for is_weak, tag in _read(header) if not is_weak]


def any_of(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match names a tag, weak or strong."""
    return header is not None and any(tag in ("*", etag) for _, tag in _read(header))


def tagged(content: _Tagged) -> Response[_Tagged]:
    """An answer with its tag."""
    return Response(content, headers={"ETag": f'"{content.etag}"'})


def unchanged(answer: Response[MemoryRecord]) -> Response[MemoryRecord]:
    """304 instead of an answer, with its headers."""
    return Response(None, status_code=304, headers=answer.headers)  # type: ignore[arg-type]


def _read(header: str) -> list[tuple[bool, str]]:
    if header.strip() == "*":
        return [(False, "*")]
    found, at = [], 0
    while at < len(header):
        tag = _TAG.match(header, at)
        if tag is None:
            break
        # `"*"` in quotes is a tag like any other, and no memory has it
        found.append((tag[1] is not None, tag[2] if tag[2] != "*" else ""))
        at = tag.end()
    if at < len(header) or not found:
        raise ValidationException('It is no list of entity tags, such as "1b2c", or *.')
    return found
