"""The dashboard of an installation no vacuum or analyze has seen yet."""

from __future__ import annotations

import pytest

from tests.api.running import running
from tests.dashboard.visiting import visiting
from tests.sql.calls import call, session

pytestmark = pytest.mark.anyio


async def test_layers_count_memories_before_the_first_analyze(clone_url: str) -> None:
    async with running(clone_url) as fresh, visiting(fresh) as client:
        with session(fresh.url) as db:
            call(db, "allow_jobs", allowed=False)
        stored = await fresh.client(await fresh.key()).post(
            "/v1/memories",
            json={"memories": [{"namespace": "n", "content": f"fox {one}"} for one in range(7)]},
        )
        assert stored.is_success
        # a session tells the statistics when it is idle or ends
        await fresh.backend.pool.drain()
        await client.post("/login", data={"key": await fresh.key(scopes=("read",))})
        assert "about 7 memories" in (await client.get("/panel/layers")).text
