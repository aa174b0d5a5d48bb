"""Who is logged in: a random cookie stands for an API key, which is asked about every time.

The key itself stays in this process: a restart logs everybody out, a revoked key within seconds.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache
from litestar.datastructures import Cookie
from litestar.exceptions import NotAuthorizedException

from service.core.keys import ALL_NAMESPACES

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers.base import BaseRouteHandler

    from service.core.keys import KeyRing
    from service.core.model.memories import ApiKey

COOKIE = "magray"
_HOURS = 12


class Visitors:
    """Sessions of this process."""

    def __init__(self) -> None:
        self._keys: TTLCache[str, str] = TTLCache(maxsize=1000, ttl=_HOURS * 3600)

    async def enter(self, ring: KeyRing, key: str, *, https: bool) -> Cookie | None:
        """The cookie of a new session; None when the key may not see the dashboard.

        Over https, the proxy's included, no browser sends it any other way.
        """
        if await _allowed(ring, key) is None:
            return None
        token = secrets.token_urlsafe(32)
        self._keys[token] = key
        return Cookie(
            key=COOKIE,
            value=token,
            httponly=True,
            samesite="strict",
            secure=https,
            max_age=_HOURS * 3600,
        )

    async def caller(self, ring: KeyRing, token: str | None) -> ApiKey | None:
        """Whose session it is; None when there is none, or its key may no longer be used."""
        key = self._keys.get(token) if token else None
        return None if key is None else await _allowed(ring, key)

    def leave(self, token: str | None) -> None:
        """End a session."""
        if token is not None:
            self._keys.pop(token, None)


async def _allowed(ring: KeyRing, key: str) -> ApiKey | None:
    caller = await ring.recognise(key)
    if caller is None or ALL_NAMESPACES not in caller.namespaces or "read" not in caller.scopes:
        return None
    return caller


async def require_visitor(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """Let a request in that has a session.

    Raises:
        NotAuthorizedException: it has none (401); its handler shows the way to the login.
    """
    visitors: Visitors = connection.app.state.visitors
    ring: KeyRing = connection.app.state.key_ring
    caller = await visitors.caller(ring, connection.cookies.get(COOKIE))
    if caller is None:
        raise NotAuthorizedException("Log in.")
    connection.scope["user"] = caller
