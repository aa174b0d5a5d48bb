from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.embedding.minilm import load_minilm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.embedding.sentence import OnnxEmbedder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def minilm() -> Iterator[OnnxEmbedder]:
    embedder = load_minilm(batch_size=8)
    yield embedder
    embedder.close()
