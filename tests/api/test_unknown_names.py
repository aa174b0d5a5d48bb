"""What is not known is refused by its name, with the nearest one that is: query and body."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest

from service.routes.query import parameters_of
from tests.api.running import Running, problem
from tests.api.stored import store

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio


def every_route(service: Running) -> list[tuple[str, str]]:
    """Method and path of every route there is, with something for each of its parameters."""
    return sorted(
        (method, filled(route.path))
        for route in service.app.routes
        for method in route.methods
        if method != "OPTIONS"
    )


def filled(path: str) -> str:
    """A route's path with something for each of its parameters."""
    fillings = {"uuid": str(uuid.UUID(int=7)), "int": "7", "str": "x", "path": "x.css"}
    return re.sub(r"{\w+:(\w+)}", lambda found: fillings[found[1]], path)


async def visit(service: Running, api: httpx2.AsyncClient) -> None:
    """Log the client in to the dashboard, so that its pages answer."""
    key = api.headers["authorization"].removeprefix("Bearer ")
    entered = await api.post("/login", data={"key": key})
    assert entered.status_code == 303
    api.cookies.update(entered.cookies)


async def test_no_route_takes_a_parameter_it_does_not_know(
    service: Running, api: httpx2.AsyncClient
) -> None:
    await visit(service, api)
    routes = every_route(service)
    paths = {path for _, path in routes}
    assert {"/health/live", "/metrics", "/", "/search", "/login", "/v1/search"} <= paths
    for method, path in routes:
        body = {"json": {}} if path.startswith("/v1") and method != "GET" else {}
        answer = await api.request(method, path, params={"tga": "slack"}, **body)
        assert answer.status_code == 400, (method, path, answer.text)
        if path.startswith("/v1"):
            assert "“tga”" in problem(answer, 400, code="ML400")["title"]
        elif method != "HEAD":
            assert "“tga”" in answer.text


async def test_a_body_that_is_needed_is_asked_for(
    service: Running, api: httpx2.AsyncClient
) -> None:
    asked = 0
    for route in service.app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            if handler.parsed_data_field is not None and route.path.startswith("/v1"):
                answer = await api.request(method, filled(route.path))
                found = problem(answer, 400, code="ML400")
                assert found["detail"] == "A JSON body is needed, at least {}.", route.path
                asked += 1
    assert asked >= 7


async def test_no_route_that_takes_no_body_ignores_one(
    service: Running, api: httpx2.AsyncClient
) -> None:
    await visit(service, api)
    bodiless = {
        (method, filled(route.path))
        for route in service.app.routes
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items()
        if handler.parsed_data_field is None and method != "OPTIONS"
    }
    assert {
        ("POST", "/v1/backups/drill"),
        ("POST", "/v1/backups/x/verify"),
        ("POST", "/v1/alerts/7/acknowledge"),
        ("GET", "/health"),
    } <= bodiless
    for method, path in sorted(bodiless):
        for body in (b'{"nmespace": "x"}', b"[]", b"null", b"words"):
            answer = await api.request(method, path, content=body)
            assert answer.status_code == 400, (method, path, body, answer.text)
            if path.startswith("/v1"):
                assert "no body" in problem(answer, 400, code="ML400")["title"]
        answer = await api.request(method, path, content=b" " * (65 << 10))
        assert answer.status_code == 413, (method, path)
    for body in (b"", b" {\n} "):
        answer = await api.post("/v1/alerts/7/acknowledge", content=body)
        assert answer.status_code == 404, answer.text


async def test_the_parameter_that_was_meant_is_named_for_each_of_each_route(
    service: Running, api: httpx2.AsyncClient
) -> None:
    await visit(service, api)
    known = parameters_of(service.app)
    tried = set()
    for route in service.app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            for name in known[handler]:
                path = filled(route.path)
                answer = await api.request(method, path, params={f"{name}z": "x"})
                assert answer.status_code == 400, (method, path, name)
                assert f"did you mean {name}?" in answer.text, (method, path, answer.text)
                tried.add((path.rpartition("/")[2], name))
    assert {
        ("memories", "kind"),
        ("history", "kpi"),
        ("why", "id"),
        ("decisions", "since"),
    } <= tried


@pytest.mark.parametrize("written", ["dryrun", "dryRun", "dry-run", "dry_run_", "DRY_RUN"])
async def test_a_misspelt_dry_run_deletes_nothing(
    api: httpx2.AsyncClient, namespace: str, written: str
) -> None:
    (memory,) = await store(api, namespace, "stays")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    answer = await api.delete(path, params={**params, written: "true"})
    assert "did you mean dry_run?" in problem(answer, 400, code="ML400")["detail"]
    # nor does one that says nothing
    problem(await api.delete(path, params={**params, "dry_run": ""}), 400)
    assert (await api.get(path, params=params)).status_code == 200


async def test_a_parameter_that_takes_one_value_is_not_given_two(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    for twice in ("namespace=a&namespace=b", f"namespace={namespace}&limit=1&limit=2"):
        found = problem(await api.get(f"/v1/memories?{twice}"), 400, code="ML400")
        assert "twice" in found["title"]
    both = await api.get(f"/v1/memories?namespace={namespace}&kind=snippet&kind=pattern")
    assert both.status_code == 200


async def test_a_parameter_that_is_unknown_is_told_only_to_those_who_may_ask(
    service: Running,
) -> None:
    problem(await service.http.get("/v1/memories?tga=1"), 401, code="ML401")
    assert (await service.http.get("/?tga=1")).headers["location"] == "/login"
