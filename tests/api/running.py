"""A service on a database of its own, inside the test's event loop, and how tests talk to it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np

from service.app import make_app
from service.core.backend import Backend, Database
from service.core.database import connect, make_pool
from service.core.embedding.cache import CachedEmbedder
from service.core.errors import EmbeddingError, EmbeddingUnavailable
from service.core.keys import digest
from service.core.memory import Memory, Operator
from service.core.settings import Settings
from tests.conftest import DIM, MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from litestar import Litestar

    from service.core.embedded import EmbeddedServer
    from service.core.embedding.port import Vectors

BASE = "http://magray.test"
PROBLEM = "application/problem+json"


class WordEmbedder:
    """The sum of a fixed vector for each word: texts that share words are near each other.

    ``down`` takes the provider away; a text with the word of ``poison`` cannot be embedded.
    """

    model_id = MODEL
    dim = DIM

    def __init__(self) -> None:
        self.down = False
        self.poison: str | None = None
        self.documents: list[str] = []
        self.queries: list[str] = []

    def embed_documents(self, texts: list[str]) -> Vectors:
        self.documents += texts
        return self._embed(texts)

    def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        row: Vectors = self._embed([text])[0]
        return row

    def close(self) -> None:
        pass

    def _embed(self, texts: list[str]) -> Vectors:
        if self.down:
            raise EmbeddingUnavailable("the provider is down")
        if self.poison and any(self.poison in text for text in texts):
            raise EmbeddingError("the text is poison")
        return np.stack([vector_of(text) for text in texts])


def vector_of(text: str) -> Vectors:
    """What `WordEmbedder` makes of a text: float32, length 1."""
    total = np.full(DIM, 1e-3)
    for word in text.lower().split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).normal(size=DIM)
    return np.asarray(total / np.linalg.norm(total), np.float32)


@dataclass(frozen=True)
class Running:
    """A running service: its application, its parts, and a client without a key."""

    app: Litestar
    backend: Backend
    embedder: WordEmbedder
    http: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return self.backend.database.url

    async def key(
        self,
        *namespaces: str,
        scopes: Sequence[str] = ("read", "write"),
        expires_at: datetime | None = None,
    ) -> str:
        """A new API key for these namespaces, all when none is named."""
        made = "magray_" + secrets.token_urlsafe(32)
        async with connect(self.url, role="memory_owner") as connection:
            await Operator(connection).create_key(
                "test", made[:14], digest(made), list(namespaces) or ["*"], list(scopes), expires_at
            )
        return made

    def client(self, key: str) -> httpx2.AsyncClient:
        """A client with a key; nothing of it needs closing."""
        return httpx2.AsyncClient(
            transport=transport_to(self.app), base_url=BASE, headers=bearer(key), timeout=60
        )


def transport_to(app: Any) -> httpx2.ASGITransport:
    """Straight into the application; the two libraries type ASGI differently."""
    return httpx2.ASGITransport(app)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def running(
    url: str,
    *,
    pool_size: int = 4,
    memory: dict[str, Any] | None = None,
    server: EmbeddedServer | None = None,
    **more: Any,
) -> AsyncIterator[Running]:
    """The service on the database at `url`.

    `memory` is the section of that name in magray.toml, `more` are settings of their own. With a
    `server`, at whose database the url is, the service keeps that alive.
    """
    embedder = WordEmbedder()
    settings = Settings.model_validate(
        {
            "database_url": url,
            "pool_size": pool_size,
            "embedding": {"provider": "none", "dim": DIM},
            "memory": memory or {"performance": {"batch_timeout_ms": 0}},
            **more,
        }
    )
    async with (
        make_pool(url, size=pool_size) as pool,
        make_pool(url, size=1, role="memory_operator") as housekeeping,
    ):
        backend = Backend(
            settings=settings,
            database=Database(url=url, server=server),
            pool=pool,
            memory=Memory(pool, housekeeping),
            embedder=CachedEmbedder(embedder, 1000),
        )
        app = make_app(backend)
        async with app.lifespan():
            transport = transport_to(app)
            async with httpx2.AsyncClient(transport=transport, base_url=BASE, timeout=60) as client:
                yield Running(app, backend, embedder, client)


async def until(come_true: Callable[[], Awaitable[object]], *, seconds: float = 60) -> None:
    """Ask again and again until the answer is true."""
    async with asyncio.timeout(seconds):
        while True:
            if await come_true():
                return
            await asyncio.sleep(0.05)


def problem(answer: httpx2.Response, status: int, *, code: str | None = None) -> dict[str, Any]:
    """The problem an answer must be: RFC 9457, with our code, and nothing internal in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["title"]
    assert found["code"]
    assert found["hint"]
    for internal in ("memory_data", "Traceback", "psycopg", 'File "'):
        assert internal not in answer.text
    if code is not None:
        assert found["code"] == code, found
    return found
