"""`magray bench watch`: searches are timed while somebody looks, and while nobody does."""

from __future__ import annotations

import pytest

from jobs.bench import watch
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from service.core.settings import EmbeddingSettings, load_settings
from service.core.tally import Tally
from service.web.accounting import account

pytestmark = pytest.mark.anyio


async def test_both_sides_are_timed(clone_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NAMESPACES": 2, "SIZE": 20, "_TURN": 1.0, "_EMPTY_REQUESTS": 50}.items():
        monkeypatch.setattr(watch, name, value)
    settings = load_settings(
        database_url=clone_url,
        embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM),
    )
    told: list[int] = []
    tally = Tally()
    async with scratch_database(settings, None) as scratch:
        await watch.fill(scratch, told.append)
        outcome = await watch.measure(
            scratch,
            turns=1,
            counted=lambda app: account(app, tally),
            advance=told.append,
        )
    assert tally.requests == 50
    assert sum(told) == 2 * 20 + 1
    assert outcome.looks >= 1
    assert min(len(taken) for taken in outcome.samples.values()) > 5
    assert all(one > 0 for taken in outcome.samples.values() for one in taken)
