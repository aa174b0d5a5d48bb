"""What the dashboard says when it cannot show what was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from psycopg_pool import PoolTimeout

from service.core.errors import MagrayError
from tests.api.running import Running, running
from tests.dashboard.visiting import balanced, visiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx2

pytestmark = pytest.mark.anyio

HTMX = {"hx-request": "true"}


@pytest.fixture(scope="module")
async def service(clone: Callable[[], str]) -> AsyncIterator[Running]:
    async with running(clone()) as made:
        yield made


@pytest.fixture
async def visitor(service: Running) -> AsyncIterator[httpx2.AsyncClient]:
    async with visiting(service) as client:
        await client.post("/login", data={"key": await service.key(scopes=("read", "admin"))})
        yield client


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def told(answer: httpx2.Response, *, status: int) -> str:
    """The trouble an answer shows, as a page or a part."""
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    (text,) = re.findall(r'role="alert">(.*?)</p>', balanced(answer.text))
    return str(text)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PoolTimeout("no connection"), "The database does not answer"),
        (MagrayError("it is full", hint="magray check"), "it is full"),
        (KeyError("secret"), "something went wrong here"),
    ],
)
async def test_a_part_that_fails_says_so_in_its_place_and_once(
    service: Running,
    visitor: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    words: str,
) -> None:
    monkeypatch.setattr(service.backend.memory.housekeeping, "connection", failing(error))
    answer = await visitor.get("/panel/health", headers=HTMX)
    assert words in told(answer, status=200)
    assert "secret" not in answer.text
    assert answer.headers["magray-trouble"] == "yes"
    (shown,) = re.findall(r'name="shown" value="(\w+)"', answer.text)
    again = await visitor.get("/panel/health", headers=HTMX, params={"shown": shown})
    assert (again.status_code, again.text, again.headers["magray-trouble"]) == (204, "", "yes")


async def test_a_page_and_the_login_without_a_database(
    service: Running, visitor: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.app.state.key_ring._known.clear()
    monkeypatch.setattr(service.backend.pool, "connection", failing(PoolTimeout("none")))
    answers = [await visitor.get("/"), await visitor.post("/login", data={"key": "magray_other"})]
    for answer in answers:
        assert "The database does not answer" in told(answer, status=503)
        assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_what_a_visitor_got_wrong_is_told_as_that(visitor: httpx2.AsyncClient) -> None:
    wrong = {"namespace": "n", "id": "nonsense"}
    for headers, status in ((HTMX, 200), ({}, 400)):
        answer = await visitor.get("/why", params=wrong, headers=headers)
        assert "the request is not valid" in told(answer, status=status)
    nul = {"namespace": "n", "query": "a\0b"}
    text = told(await visitor.get("/search", params=nul, headers=HTMX), status=200)
    assert "a text holds the character NUL" in text
    assert "database" not in text


async def test_an_alert_no_alert_can_be(visitor: httpx2.AsyncClient) -> None:
    for alert, words in ((10**19, "the values are not usable"), (999_999, "is not open")):
        answer = await visitor.post(f"/alerts/{alert}/acknowledge", headers=HTMX)
        text = told(answer, status=200)
        assert words in text
        assert "function" not in text
