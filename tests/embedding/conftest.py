from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.core.embedding.minilm import load_minilm
from tests.embedding.endpoint import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.embedding.sentence import OnnxEmbedder
    from tests.embedding.endpoint import Endpoint


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def minilm() -> Iterator[OnnxEmbedder]:
    embedder = load_minilm(batch_size=8)
    yield embedder
    embedder.close()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with listening() as server:
        yield server
