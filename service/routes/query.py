"""Query parameters: only those its route knows, each once; an empty one counts as not given.

A body is there only where the route takes one.

What a route knows is what its handler's signature declares: Litestar's own model of it is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from litestar.plugins.problem_details import ProblemDetailsException
from litestar.routes import HTTPRoute

from service.core.names import known_instead
from service.routes.given import nul_at

if TYPE_CHECKING:
    from litestar import Litestar, Request
    from litestar.handlers import BaseRouteHandler


# A body that says nothing.
_EMPTY = re.compile(rb"\s*(\{\s*\}\s*)?")


@dataclass(frozen=True)
class Parameter:
    """What a route says of a query parameter: may it be repeated, has it to be given."""

    many: bool
    optional: bool


def parameters_of(app: Litestar) -> dict[BaseRouteHandler, dict[str, Parameter]]:
    """The query parameters of every route, by name."""
    found: dict[BaseRouteHandler, dict[str, Parameter]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, model in route.route_handler_map.values():
                found[handler] = {
                    one.field_alias: Parameter(
                        many=one.is_sequence,
                        # of an empty flag nobody can say which it means: ?dry_run= deletes nothing
                        optional=not one.is_required and not isinstance(one.default, bool),
                    )
                    for one in model.expected_query_params
                }
    return found


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse what the route would ignore; runs before the handler.

    Raises:
        ProblemDetailsException: a parameter is unknown or given twice, or there is a body the
            route takes nothing of (400); a parameter holds a NUL (422).
        RequestEntityTooLarge: that body is larger than the route's limit (413).
    """
    _check_query(request)
    if request.route_handler.parsed_data_field is None and not _EMPTY.fullmatch(
        await request.body()
    ):
        raise ProblemDetailsException(
            status_code=400,
            title="this route takes no body",
            detail="Nothing of it would be obeyed.",
            extra={"code": "ML400", "hint": "Send no body, or {}."},
        )


def _check_query(request: Request[Any, Any, Any]) -> None:
    """Refuse what the route does not know, and take out what is empty.

    Raises:
        ProblemDetailsException: a parameter is unknown, or given twice (400); it holds a NUL (422).
    """
    query = request.scope["query_string"]
    if not query:
        return
    known: dict[str, Parameter] = request.app.state.parameters[request.route_handler]
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept: list[tuple[str, str]] = []
    seen: set[str] = set()
    for name, value in given:
        if name not in known:
            raise _refused(f"there is no parameter “{name}” here", known_instead(name, known), name)
        if "\x00" in value:
            raise nul_at(name)
        if known[name].optional and not value.strip():
            continue
        if name in seen and not known[name].many:
            raise _refused(f"the parameter {name} is given twice", "It takes one value.", name)
        seen.add(name)
        kept.append((name, value))
    if len(kept) < len(given):
        request.scope["query_string"] = urlencode(kept).encode()


def _refused(title: str, detail: str, name: str) -> ProblemDetailsException:
    return ProblemDetailsException(
        status_code=400,
        title=title,
        detail=detail,
        extra={"code": "ML400", "hint": f"Correct {name}, or leave it out."},
    )
