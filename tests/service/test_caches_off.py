"""Caches that are switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.running import running

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_zero_minutes_keep_nothing(clone: Callable[[], str]) -> None:
    async with running(clone(), memory={"performance": {"query_cache_ttl_minutes": 0}}) as quiet:
        client = quiet.client(await quiet.key())
        for _ in range(3):
            answer = await client.post("/v1/search", json={"namespace": "n", "query": "word"})
            assert answer.json()["cached"] is False
