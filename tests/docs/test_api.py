"""docs/api.md lists the routes of the OpenAPI document, with the scope each needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from litestar.routes import HTTPRoute

from service.web.access import all_namespaces_only, require_key
from tests.api.running import running
from tests.docs.pages import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.handlers import HTTPRouteHandler

pytestmark = pytest.mark.anyio

ROW = re.compile(r"^\| `([A-Z]+) (/\S*)` \| (read|write|admin|none)(, all)? \|", re.MULTILINE)
METHODS = {"get", "post", "put", "patch", "delete"}


async def test_every_route_is_in_the_table_with_its_scope(clone: Callable[[], str]) -> None:
    listed = ROW.findall(text("docs/api.md"))
    told = {(method, path): (scope, bool(every)) for method, path, scope, every in listed}
    async with running(clone()) as service:
        document = service.app.openapi_schema.to_schema()
        handlers = {
            (method, re.sub(r":\w+}", "}", route.path)): handler
            for route in service.app.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, *_) in route.route_handler_map.items()
        }
    there = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    }
    assert sorted((method, path) for method, path, *_ in listed) == sorted(there)
    assert told == {route: needs(handlers[route]) for route in there}


def needs(handler: HTTPRouteHandler) -> tuple[str, bool]:
    """The scope a route asks for, and whether its key must be bound to no namespace."""
    guards = handler.resolve_guards()
    if require_key not in guards:
        return "none", False
    scope = handler.opt.get("scope", "read")
    return scope, scope == "admin" or all_namespaces_only in guards
