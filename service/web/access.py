"""Who may do what: the guard of every `/v1` route, and the namespaces a key is bound to."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from litestar.exceptions import NotAuthorizedException
from litestar.plugins.problem_details import ProblemDetailsException

from service.core.acting import act_as
from service.core.keys import ALL_NAMESPACES
from service.web.hints import for_callers

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers.base import BaseRouteHandler

    from service.core.keys import KeyRing
    from service.core.model.memories import ApiKey

_CREATE = "magray keys create --name NAME"


async def require_key(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Let a request in whose bearer key has the route's scope (`opt["scope"]`, default read).

    Raises:
        NotAuthorizedException: there is no usable key (401).
        ProblemDetailsException: the key lacks the scope (403).
    """
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    ring: KeyRing = connection.app.state.key_ring
    caller = await ring.recognise(key.strip()) if scheme.lower() == "bearer" and key else None
    if caller is None:
        raise NotAuthorizedException(
            "Send a usable API key: Authorization: Bearer magray_…",
            headers={"WWW-Authenticate": "Bearer"},
        )
    scope = handler.opt.get("scope", "read")
    if scope not in caller.scopes:
        # a key for all namespaces must not be bound, so another bound one would not help
        of_all = scope == "admin" or all_namespaces_only in handler.resolve_guards()
        raise forbidden(
            f"the key may not {scope}",
            f"Key “{caller.name}” has: {', '.join(caller.scopes)}.",
            f"{_CREATE}{'' if of_all else _bound(caller)}{_scoped(caller)} --scope {scope}",
        )
    connection.scope["user"] = caller
    act_as(caller.name)


def namespace_for(caller: ApiKey, namespace: str | None, *, place: str = "") -> str:
    """The namespace of a request: the one named, or the only one the key is bound to.

    Args:
        caller: who asks.
        namespace: as it was named; None and "" name none.
        place: where in the body it stands; empty: in the query.

    Raises:
        ProblemDetailsException: none is named and the key has several (422), or the key is not
            bound to it (403).
    """
    at = f" - at `{place}`" if place else ""
    if not namespace:
        if len(caller.namespaces) == 1 and caller.namespaces[0] != ALL_NAMESPACES:
            return caller.namespaces[0]
        hint = 'Give it a field "namespace".' if place else "Add ?namespace=… to the request."
        raise ProblemDetailsException(
            status_code=422,
            title="which namespace?",
            detail=f"The key is bound to more than one{at}.",
            extra={"code": "ML422", "hint": hint},
        )
    if ALL_NAMESPACES in caller.namespaces or namespace in caller.namespaces:
        return namespace
    raise forbidden(
        f"the key is not bound to namespace “{namespace}”",
        f"Key “{caller.name}” is bound to: {', '.join(caller.namespaces)}{at}.",
        f"{_CREATE} --namespace {shlex.quote(namespace)}{_scoped(caller)}",
    )


def require_all_namespaces(caller: ApiKey) -> None:
    """For what spans namespaces.

    Raises:
        ProblemDetailsException: the key is bound to some (403).
    """
    if ALL_NAMESPACES not in caller.namespaces:
        raise forbidden(
            "the key is bound to namespaces, and this is about all of them",
            f"Key “{caller.name}” is bound to: {', '.join(caller.namespaces)}. "
            "A key without --namespace is needed.",
            f"{_CREATE}{_scoped(caller)}",
        )


async def all_namespaces_only(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """Let a request in whose key is bound to no namespace; runs behind `require_key`.

    Raises:
        ProblemDetailsException: the key is bound to some (403).
    """
    require_all_namespaces(connection.scope["user"])


def _scoped(caller: ApiKey) -> str:
    """The options that give another key the same scopes."""
    return "".join(f" --scope {scope}" for scope in caller.scopes)


def _bound(caller: ApiKey) -> str:
    """The options that bind another key to the same namespaces."""
    bound = [name for name in caller.namespaces if name != ALL_NAMESPACES]
    return "".join(f" --namespace {shlex.quote(name)}" for name in bound)


def forbidden(title: str, detail: str, hint: str) -> ProblemDetailsException:
    """A 403 problem."""
    return ProblemDetailsException(
        status_code=403,
        title=title,
        detail=detail,
        extra={"code": "ML403", "hint": for_callers(hint)},
    )
