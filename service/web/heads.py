"""HEAD wherever GET is: answered as GET is, with the same headers, and without the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ASGIApp, Receive, Scope, Send

_ASKED = "magray.head"


def is_head(request: Request[Any, Any, Any]) -> bool:
    """Whether nothing but the headers is asked for, which is no use of what would be read."""
    return _ASKED in request.scope


def answer_heads(app: ASGIApp) -> ASGIApp:
    """Ask the application for GET where HEAD is asked for; `Allow` names both."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def send_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [_with_head(*header) for header in message["headers"]]
            elif head and message["type"] == "http.response.body":
                if message.get("more_body"):
                    return
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        head = scope["method"] == "HEAD"
        # a copy, for the server goes by the method it read
        inner: Any = {**scope, "method": "GET", _ASKED: True} if head else scope
        try:
            await app(inner, receive, send_headers)
        finally:
            if "path_template" in inner:
                scope["path_template"] = inner["path_template"]

    return answered


def _with_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    methods = [method.strip() for method in value.split(b",")] if name.lower() == b"allow" else []
    if b"GET" in methods and b"HEAD" not in methods:
        return name, b", ".join(sorted([*methods, b"HEAD"]))
    return name, value
