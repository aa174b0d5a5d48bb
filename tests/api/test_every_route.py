"""Every route there is, asked about a store that has something of everything.

The routes come from the application, so a new one is asked by itself; a parameter nobody gave
values for fails the test and says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.api.everything import NAMESPACE, store_everything
from tests.api.running import running
from tests.dashboard.visiting import visiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import httpx2
    from litestar import Litestar

    from tests.api.running import Running

pytestmark = pytest.mark.anyio

# Where no other backup can be taken: the service of these tests knows no place for any.
WITHOUT_A_PLACE = {"take_backup", "verify_backup", "drill_backup", "restore"}
ACTIONS = {"promote", "keep", "evict", "compress", "archive", "expire", "forget", "restore"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "remember": [
        {"memories": [{"namespace": NAMESPACE, "content": "new", "kind": kind, "pinned": pinned}]}
        for kind in ("recent_query", "pattern", "core_concept")
        for pinned in (True, False)
    ],
    "search": [
        {"namespace": NAMESPACE, "query": "stays pinned works", "top_k": 100, "explain": explain}
        for explain in (True, False)
    ],
    "update": [{"importance": 0.7}, {"content": "edited"}, {"ttl": 3600}, {"pinned": True}],
    "restore": [{"into": "x", "latest": True}],
    "run_lifecycle": [{"dry_run": True}, {"dry_run": False}],
}
# Of what no document tells; those of the API's names mean the same.
DASHBOARD = {
    "name": [
        "health",
        "layers",
        "kpis",
        "flow",
        "performance",
        "promotions",
        "alerts",
        "jobs",
        "backups",
    ],
    "path": ["openapi.json"],
}


@pytest.fixture(scope="module")
async def service(clone: Callable[[], str]) -> AsyncIterator[Running]:
    async with running(clone()) as made:
        yield made


@pytest.fixture(scope="module")
def values(service: Running) -> dict[str, list[Any]]:
    return store_everything(service.url)


async def test_no_route_fails_and_every_answer_is_as_documented(
    service: Running, values: dict[str, list[Any]]
) -> None:
    assert set(values["action"]) == ACTIONS
    document = service.app.openapi_schema.to_schema()
    api = service.client(await service.key(scopes=("read", "write", "admin")))
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    # what reads first, of a store that is as it was made, and once more of what became of it
    order = ["get", "post", "put", "patch", "get", "delete"]
    assert {method for method, _, _ in operations} <= set(order)
    for method in order:
        for path, operation in [(path, one) for name, path, one in operations if name == method]:
            good = 0
            for url, query, body in requests(document, path, operation, values):
                answer = await api.request(method, url, params=query, json=body)
                asked = f"{method} {answer.url} {body}"
                assert answer.status_code < 500, f"{asked}: {answer.text}"
                assert matches(document, operation, answer) == [], f"{asked}: {answer.text}"
                good += answer.is_success
            assert good or operation["operationId"] in WITHOUT_A_PLACE, (method, path)


def requests(
    document: dict[str, Any], path: str, operation: dict[str, Any], values: dict[str, list[Any]]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Path, query and body: every value of each parameter once, every body with the first ones."""
    parameters = [one for one in operation.get("parameters", []) if one["in"] != "header"]
    given = {
        one["name"]: values.get(one["name"]) or simple(one["schema"], one["name"])
        for one in parameters
    }
    placed = [one["name"] for one in parameters if one["in"] == "path"]
    always = [one["name"] for one in parameters if one["required"] or one["name"] == "namespace"]
    bodies: list[dict[str, Any] | None] = [None]
    if "requestBody" in operation:
        content = next(iter(operation["requestBody"]["content"].values()))
        bodies = [*BODIES.get(operation["operationId"], [])]
        bodies = bodies or [smallest(document, content["schema"], values)]
    first = {name: given[name][0] for name in {*placed, *always}}
    chosen = [first] + [{**first, name: one} for name, ones in given.items() for one in ones]
    for body in bodies:
        for one in chosen:
            query = {name: value for name, value in one.items() if name not in placed}
            yield path.format(**one), query, body


def simple(schema: dict[str, Any], name: str) -> list[Any]:
    """Values of a parameter that needs none of the store's."""
    kinds = [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]
    for kind in kinds:
        match kind.get("type"):
            case "boolean":
                return [True, False]
            case "integer" | "number":
                return [kind.get("minimum", kind.get("exclusiveMinimum", 0) + 1)]
    if name == "cursor":
        return [""]
    raise AssertionError(f"give parameter {name} a value in tests/api/everything.py")


def smallest(document: dict[str, Any], schema: dict[str, Any], values: dict[str, list[Any]]) -> Any:
    """A body with only what is required."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return (
            None
            if {"type": "null"} in schema["anyOf"]
            else smallest(document, schema["anyOf"][0], values)
        )
    match schema["type"]:
        case "object":
            return {
                name: (
                    values.get(name) or [smallest(document, schema["properties"][name], values)]
                )[0]
                for name in schema.get("required", [])
            }
        case "array":
            return [smallest(document, schema["items"], values)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "string":
            return "x" * max(1, schema.get("minLength", 1))


def matches(
    document: dict[str, Any], operation: dict[str, Any], answer: httpx2.Response
) -> list[str]:
    """What is wrong with an answer by the document: nothing."""
    documented = operation["responses"].get(str(answer.status_code))
    if documented is None:
        return [f"status {answer.status_code} is not documented"]
    kind = answer.headers.get("content-type", "").partition(";")[0]
    content = documented.get("content", {})
    if kind not in content:
        return [f"{kind} is not among {list(content)}"]
    validator = Draft202012Validator(
        {**content[kind]["schema"], "components": document["components"]},
        format_checker=FormatChecker(),
    )
    return [error.message for error in validator.iter_errors(answer.json())]


async def test_no_page_and_no_part_of_one_fails(
    service: Running, values: dict[str, list[Any]]
) -> None:
    """The routes no document tells of: the dashboard, its parts, metrics, the document itself."""
    known = values | DASHBOARD | {"query": ["stays"], "file_path": []}
    shown = 0
    async with visiting(service) as visitor:
        key = await service.key(scopes=("read", "admin"))
        await visitor.post("/login", data={"key": key})
        for path, names in undocumented(service.app):
            assert set(names) <= set(known), f"give {names} of {path} values"
            for name in names or [""]:
                for value in known.get(name, [""]):
                    one = {each: (known[each] or [""])[0] for each in names} | {name: value}
                    answer = await visitor.get(path.format(**one), params=query_of(path, values))
                    assert answer.status_code < 500, f"{answer.url}: {answer.text}"
                    # a part says in its place why it is not there
                    assert "magray-trouble" not in answer.headers, f"{answer.url}: {answer.text}"
                    shown += answer.is_success
        for memory in values["memory_id"]:
            params = {"namespace": NAMESPACE, "id": memory}
            why = await visitor.get("/why", params=params)
            assert (why.status_code, "magray-trouble" in why.headers) == (200, False), why.text
    assert shown > len(DASHBOARD["name"])


def undocumented(app: Litestar) -> Iterator[tuple[str, list[str]]]:
    """Paths that answer GET and are in no document, with the names of their parameters."""
    documented = set(app.openapi_schema.to_schema()["paths"])
    for route in app.routes:
        path = re.sub(r":\w+\}", "}", route.path)
        if path not in documented and "GET" in getattr(route, "methods", ()):
            yield path, re.findall(r"\{(\w+)\}", path)


def query_of(path: str, values: dict[str, list[Any]]) -> dict[str, str]:
    match path:
        case "/search":
            return {"namespace": NAMESPACE, "query": "stays"}
        case "/why":
            return {"namespace": NAMESPACE, "id": values["memory_id"][0]}
    return {}
