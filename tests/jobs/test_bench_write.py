"""`magray bench write`: what is written is there, and what the index builder did is told."""

from __future__ import annotations

import pytest

from jobs.bench import write
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from service.core.settings import EmbeddingSettings, load_settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("ttl", [None, "1 hour"])
async def test_every_part_is_stored_and_timed(
    clone_url: str, monkeypatch: pytest.MonkeyPatch, ttl: str | None
) -> None:
    for name, value in {"SIZE": 10, "BATCH": 5}.items():
        monkeypatch.setattr(write, name, value)
    settings = load_settings(
        database_url=clone_url,
        embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM),
    )
    told: list[int] = []
    async with scratch_database(settings, None) as scratch:
        parts = await write.measure(scratch, memories=40, ttl=ttl, advance=told.append)
        stored = await scratch.memory.layers("n-0")
    assert [len(part.seconds) for part in parts] == [2] * write.PARTS
    assert sum(told) == 40
    assert all(part.rate > 0 for part in parts)
    assert [part.indexes for part in parts] == [[]] * write.PARTS
    assert sum(layer.memories for layer in stored) == 10
