"""Entity tags (RFC 9110, 8.8.3 and 13.1): whether a memory still is what a caller saw of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeVar

from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.enums import ScopeType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from service.core.model.memories import Changed, MemoryRecord

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
# A list of tags; quotes cannot be within one. Ours are taken without them too, as bodies have them.
_ONE = r'(?:(W/)?"([!#-~]*)"|([0-9a-f]{32}))'
_LIST = re.compile(rf"{_ONE}([ \t]*,[ \t]*{_ONE})*[ \t]*,?")
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
_Tagged = TypeVar("_Tagged", "MemoryRecord", "Changed")


def join_tags(app: ASGIApp) -> ASGIApp:
    """Make one line of several of the same header, as RFC 9110, 5.3, says what they mean."""

    async def joined(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            for name in (b"if-match", b"if-none-match"):
                lines = [value for one, value in scope["headers"] if one.lower() == name]
                if len(lines) > 1:
                    others = [header for header in scope["headers"] if header[0].lower() != name]
                    scope["headers"] = [*others, (name, b", ".join(lines))]
        await app(scope, receive, send)

    return joined


def strong(header: str | None) -> list[str] | None:
    """The tags an If-Match names; weak ones, and what is no tag, match nothing.

    None without the header.
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
    """The tags of a header, each with whether it is weak; what is no list of tags has none."""
    if header == "*":
        return [(False, "*")]
    if _LIST.fullmatch(header) is None:
        return []
    # a star in quotes is a tag like any other, and no memory has it
    return [
        (bool(weak), quoted or bare)
        for weak, quoted, bare in re.findall(_ONE, header)
        if quoted != "*"
    ]
