"""An endpoint that does not answer when the service starts, or gives other vectors than before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.backend import open_backend
from service.core.errors import ConfigError, EmbeddingUnavailable, PlatformError
from service.core.settings import Settings
from tests.cli.program import Home
from tests.conftest import DIM
from tests.embedding.endpoint import Endpoint, fixed, listening, status, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.embedding.endpoint import Answer

pytestmark = pytest.mark.anyio

AWAY: dict[str, Callable[[dict[str, Any]], Answer]] = {
    "402": status(402),
    "401": status(401),
    "429": status(429, retry_after="600"),
    "400": status(400),
    "no JSON": fixed(b"<html>"),
}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with listening() as server:
        server.otherwise = lambda request: vectors(request, dim=DIM)
        yield server


def settings(url: str, endpoint: Endpoint, **more: Any) -> Settings:
    embedding = {"provider": "openai", "model": "m", "url": endpoint.url, **more}
    return Settings.model_validate({"database_url": url, "embedding": embedding})


def in_use(url: str, model: str) -> str:
    """The database with the vectors of this model."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "update memory_data.embedding_model set name = %s where active", (model,)
        )
    return url


@pytest.mark.parametrize("fault", AWAY)
async def test_the_database_knows_the_dimension(
    clone_url: str, endpoint: Endpoint, fault: str
) -> None:
    mended, endpoint.otherwise = endpoint.otherwise, AWAY[fault]
    async with open_backend(settings(in_use(clone_url, "openai/m"), endpoint)) as backend:
        assert backend.embedder is not None
        assert (backend.embedder.dim, backend.embedder.model_id) == (DIM, "openai/m")
        endpoint.otherwise = mended
        assert backend.embedder.embed_query("hello").shape == (DIM,)


async def test_with_the_database_away_too_that_is_said(endpoint: Endpoint) -> None:
    endpoint.otherwise = status(402)
    with pytest.raises(PlatformError, match="the database cannot be reached"):
        async with open_backend(settings("postgresql://127.0.0.1:1/none", endpoint)):
            pass


@pytest.mark.parametrize(("model", "said"), [("openai/other", "openai/other"), (None, "none yet")])
async def test_a_first_start_says_what_helps(
    clone_url: str, endpoint: Endpoint, model: str | None, said: str
) -> None:
    endpoint.otherwise = status(402)
    if model is None:
        with psycopg.connect(clone_url) as connection:
            connection.execute("update memory_data.embedding_model set active = false")
    else:
        in_use(clone_url, model)
    with pytest.raises(EmbeddingUnavailable, match="402") as caught:
        async with open_backend(settings(clone_url, endpoint)):
            pass
    assert said in caught.value.detail
    assert "MAGRAY_EMBEDDING__DIM" in caught.value.hint
    assert caught.value.exit_code == 69


async def test_with_the_dimension_given_it_need_not_answer(
    clone_url: str, endpoint: Endpoint
) -> None:
    endpoint.otherwise = status(500)
    given = settings(in_use(clone_url, "openai/m"), endpoint, dim=DIM)
    async with open_backend(given) as backend:
        assert backend.embedder is not None
    assert endpoint.seen == []


async def test_settings_that_are_wrong_are_wrong_though_it_is_away(
    clone_url: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="key"):
        async with open_backend(settings(clone_url, endpoint, api_key_file=tmp_path / "none")):
            pass


@pytest.fixture
def place(tmp_path: Path, clone_url: str, endpoint: Endpoint) -> Home:
    """Where `magray check` finds this endpoint and database."""
    return Home(
        tmp_path,
        {
            "MAGRAY_DATABASE_URL": in_use(clone_url, "openai/m"),
            "MAGRAY_EMBEDDING__PROVIDER": "openai",
            "MAGRAY_EMBEDDING__MODEL": "m",
            "MAGRAY_EMBEDDING__URL": endpoint.url,
            "MAGRAY_EMBEDDING__DIM": str(DIM),
        },
    )


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        (lambda request: vectors(request, dim=DIM), "answers with 8 numbers", ""),
        (status(402), "HTTP 402", "[embedding]"),
        (status(500), "HTTP 500", "curl -i"),
        (lambda request: vectors(request, dim=3), "another dimension", "--replace-model"),
    ],
    ids=["answers", "402", "500", "dimension"],
)
async def test_check_asks_it(
    place: Home, endpoint: Endpoint, answer: Callable[..., Answer], said: str, hint: str
) -> None:
    endpoint.otherwise = answer
    rows = [json.loads(line) for line in place.run("check", "--json").stdout.splitlines()]
    (row,) = [row for row in rows if row["condition"] == "embedding provider"]
    assert (row["ok"], row["needed"]) == (hint == "", False)
    assert said in row["detail"]
    assert hint in row["hint"]
