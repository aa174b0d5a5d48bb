"""Who may do what: API keys over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from service.core import keys
from tests.api.running import Running, bearer, problem

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

ID = "01a209d9-e3e3-77da-be23-e6d3b884dc3e"
ROUTES = [
    ("POST", "/v1/memories", {"memories": [{"namespace": "n", "content": "x"}]}, "write"),
    ("GET", "/v1/memories", None, "read"),
    ("GET", f"/v1/memories/{ID}", None, "read"),
    ("PATCH", f"/v1/memories/{ID}", {}, "write"),
    ("DELETE", f"/v1/memories/{ID}", None, "write"),
    ("POST", f"/v1/memories/{ID}/feedback", {"rating": 3}, "write"),
    ("GET", f"/v1/memories/{ID}/explain", None, "read"),
    ("GET", f"/v1/memories/{ID}/history", None, "read"),
    ("POST", "/v1/search", {"namespace": "n", "query": "x"}, "read"),
    ("GET", "/v1/layers", None, "read"),
    ("GET", "/v1/decisions", None, "read"),
]
# About all namespaces: a key bound to a namespace never gets there, whatever its scopes.
HOUSE_ROUTES = [
    ("POST", "/v1/lifecycle/run", {"dry_run": True}, "admin"),
    ("GET", "/v1/backups", None, "admin"),
    ("POST", "/v1/backups", {"kind": "full"}, "admin"),
    ("POST", "/v1/backups/x/verify", None, "admin"),
    ("POST", "/v1/backups/drill", None, "admin"),
    ("GET", f"/v1/backups/runs/{ID}", None, "admin"),
    ("GET", "/v1/kpis", None, "read"),
    ("GET", "/v1/kpis/history?kpi=size", None, "read"),
    ("GET", "/v1/alerts", None, "read"),
    ("POST", "/v1/alerts/1/acknowledge", None, "admin"),
    ("PUT", "/v1/alerts/silence", {"rule": "x", "until": None}, "admin"),
    ("POST", "/v1/restores", {"latest": True, "into": "x"}, "admin"),
]


async def test_every_route_of_the_api_is_tried(service: Running) -> None:
    known = {
        (method, _filled(route.path))
        for route in service.app.routes
        if route.path.startswith("/v1")
        for method in route.methods
        if method != "OPTIONS"
    }
    tried = {(method, path.partition("?")[0]) for method, path, _, _ in ROUTES + HOUSE_ROUTES}
    assert known == tried


def _filled(path: str) -> str:
    """A route's path with something for each of its parameters."""
    for name, example in (("[a-z]+_id:uuid", ID), ("backup_id:str", "x"), ("alert_id:int", "1")):
        path = re.sub(f"{{{name}}}", example, path)
    return path


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES + HOUSE_ROUTES)
async def test_no_route_answers_without_a_key_of_its_scope(
    service: Running, method: str, path: str, body: object, scope: str
) -> None:
    headers = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        bearer("magray_wrong"),
        bearer("k" * 5000),
        {"Authorization": "Basic " + await service.key()},
        {"Authorization": await service.key()},
    ]
    for header in headers:
        answer = await service.http.request(method, path, json=body, headers=header)
        assert "magray_" not in problem(answer, 401, code="ML401").get("hint", "")
        assert answer.headers["www-authenticate"] == "Bearer"
    other = [one for one in keys.SCOPES if one != scope]
    answer = await service.client(await service.key("n", scopes=other)).request(
        method, path, json=body
    )
    found = problem(answer, 403, code="ML403")
    assert scope in found["title"]
    assert f"--scope {scope}" in found["hint"]
    assert "magray keys create --name" in found["hint"]
    house = (method, path, body, scope) in HOUSE_ROUTES
    assert ("--namespace n" in found["hint"]) is not house


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
async def test_no_route_leaves_the_namespaces_of_its_key(
    service: Running, method: str, path: str, body: object, scope: str
) -> None:
    client = service.client(await service.key("mine", "mine-too"))
    # where it is not in the body it is in the query
    params = None if "'namespace': 'n'" in str(body) else {"namespace": "n"}
    answer = await client.request(method, path, json=body, params=params)
    found = problem(answer, 403, code="ML403")
    assert "“n”" in found["title"]
    assert "mine, mine-too" in found["detail"]
    assert "magray keys create --name NAME --namespace n --scope" in found["hint"]


@pytest.mark.parametrize(("method", "path", "body", "scope"), HOUSE_ROUTES)
async def test_no_key_of_a_namespace_reaches_the_house(
    service: Running, method: str, path: str, body: object, scope: str
) -> None:
    client = service.client(await service.key("mine", scopes=keys.SCOPES))
    found = problem(await client.request(method, path, json=body), 403, code="ML403")
    assert "all of them" in found["title"]
    assert "bound to: mine. A key without --namespace is needed." in found["detail"]
    assert found["hint"].endswith(
        "magray keys create --name NAME --scope read --scope write --scope admin"
    )


async def test_a_key_of_one_namespace_need_not_name_it(service: Running, namespace: str) -> None:
    client = service.client(await service.key(namespace))
    for said in ({}, {"namespace": None}, {"namespace": ""}, {"namespace": " "}):
        memories = [{"content": "x", **said}, {"content": "y", "namespace": namespace}]
        stored = await client.post("/v1/memories", json={"memories": memories})
        assert {row["namespace"] for row in stored.json()["memories"]} == {namespace}
        found = await client.post("/v1/search", json={"query": "x", **said})
        assert {hit["namespace"] for hit in found.json()["results"]} == {namespace}
    memory = stored.json()["memories"][0]["id"]
    for method, path, body, _ in ROUTES:
        asked = {"query": "x"} if path == "/v1/search" else body
        asked = {"memories": [{"content": "x"}]} if path == "/v1/memories" and body else asked
        here = path.replace(ID, memory)
        for params in (None, {"namespace": ""}) if asked is None else (None,):
            if method != "DELETE":
                answer = await client.request(method, here, json=asked, params=params)
                assert answer.is_success, (method, here, answer.text)
    assert (await client.delete(f"/v1/memories/{memory}")).status_code == 200


async def test_a_key_of_several_namespaces_has_to_name_one(
    service: Running, api: httpx2.AsyncClient
) -> None:
    for client in (api, service.client(await service.key("a", "b"))):
        found = problem(await client.get("/v1/memories"), 422, code="ML422")
        assert "namespace" in found["title"]
        problem(await client.post("/v1/search", json={"query": "x"}), 422, code="ML422")
        memories = [{"content": "x", "namespace": "a"}, {"content": "x"}]
        answer = await client.post("/v1/memories", json={"memories": memories})
        found = problem(answer, 422, code="ML422")
        assert "namespace" in found["title"]
        assert "$.memories[1]" in found["detail"]


async def test_the_scheme_is_read_in_any_case(service: Running) -> None:
    header = {"Authorization": f"bEARER   {await service.key('n')}  "}
    assert (await service.http.get("/v1/layers", headers=header)).status_code == 200


async def test_an_expired_key_is_refused(service: Running) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    problem(await service.client(await service.key("n", expires_at=past)).get("/v1/layers"), 401)
    future = datetime.now(UTC) + timedelta(hours=1)
    client = service.client(await service.key("n", expires_at=future))
    assert (await client.get("/v1/layers")).status_code == 200


async def test_a_namespace_called_star_does_not_open_the_others(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    """`*` as the namespace of a request is a name like any other."""
    memories = [{"namespace": namespace, "content": "x"}]
    await api.post("/v1/memories", json={"memories": memories})
    answer = await api.get("/v1/memories", params={"namespace": "*"})
    assert answer.json()["memories"] == []
