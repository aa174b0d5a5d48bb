"""Pages of other origins: only those the settings name may call, and they need no key to ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import pytest

from service.app import make_app
from tests.api.running import BASE, Running, running, transport_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

APP = "https://app.example.org"
OTHER = "https://evil.example.org"


@pytest.fixture(scope="module")
async def open_to(clone: Callable[[], str]) -> AsyncIterator[Running]:
    async with running(clone(), cors_origins=(APP, "https://*.example.com")) as made:
        yield made


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, if-match",
    }


@pytest.mark.parametrize("origin", [APP, "https://a.example.com"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/memories"),
        ("PATCH", "/v1/memories/01a209d9-e3e3-77da-be23-e6d3b884dc3e"),
        ("DELETE", "/v1/memories/01a209d9-e3e3-77da-be23-e6d3b884dc3e"),
        ("GET", "/v1/layers"),
        ("PUT", "/v1/alerts/silence"),
    ],
)
async def test_a_preflight_of_a_known_origin_is_answered_without_a_key(
    open_to: Running, origin: str, method: str, path: str
) -> None:
    answer = await open_to.http.options(path, headers=preflight(origin, method))
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))
    assert "access-control-allow-credentials" not in answer.headers


async def test_answers_to_a_known_origin_may_be_read_refusals_too(open_to: Running) -> None:
    client = open_to.client(await open_to.key("n"))
    for asked, status in (
        (client.get("/v1/layers", headers={"Origin": APP}), 200),
        (client.get("/v1/layers?tga=1", headers={"Origin": APP}), 400),
        (open_to.http.get("/v1/layers", headers={"Origin": APP}), 401),
        (client.get("/v1/nothing", headers={"Origin": APP}), 404),
        (client.put("/v1/search", headers={"Origin": APP}), 405),
        (client.head("/v1/layers", headers={"Origin": APP}), 200),
    ):
        answer = await asked
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == APP
        assert "ETag" in answer.headers["access-control-expose-headers"]


async def test_any_other_origin_gets_nothing(open_to: Running) -> None:
    refused = await open_to.http.options("/v1/memories", headers=preflight(OTHER))
    assert refused.status_code == 400
    client = open_to.client(await open_to.key("n"))
    for origin in (OTHER, "null", APP + ".evil.org", "http://app.example.org", APP + ":8443"):
        answer = await client.get("/v1/layers", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers, origin


async def test_by_default_no_other_origin_may_call(open_to: Running) -> None:
    client = with_origins(open_to)
    answer = await client.options("/v1/memories", headers=preflight(APP))
    assert "access-control-allow-origin" not in answer.headers
    answer = await client.get("/health/live", headers={"Origin": APP})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_a_star_opens_it_to_all(open_to: Running) -> None:
    client = with_origins(open_to, "*")
    allowed = await client.options("/v1/memories", headers=preflight(OTHER))
    assert allowed.headers["access-control-allow-origin"] == "*"
    answer = await client.get("/health/live", headers={"Origin": OTHER})
    assert answer.headers["access-control-allow-origin"] == "*"


def with_origins(service: Running, *origins: str) -> httpx2.AsyncClient:
    """A client of an application with other origins; nothing of it runs in the background."""
    settings = service.backend.settings.model_copy(update={"cors_origins": origins})
    app = make_app(replace(service.backend, settings=settings))
    return httpx2.AsyncClient(transport=transport_to(app), base_url=BASE)
