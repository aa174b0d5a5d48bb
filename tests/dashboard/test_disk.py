"""The dashboard of a full database, whose bytes are known."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from anyio import to_thread

from tests.api.running import running
from tests.dashboard.visiting import balanced, shown_kpis, visiting
from tests.sql.calls import call, session
from tests.watch.forced_disk import force_disk, near_on_disk

pytestmark = pytest.mark.anyio


async def test_what_is_on_disk_is_shown_as_it_is(clone_url: str) -> None:
    async with running(clone_url) as full, visiting(full) as client:
        with session(full.url) as db:
            call(db, "allow_jobs", allowed=False)
            # in a thread: what the service is in the midst of goes on, and ends
            expected = await to_thread.run_sync(force_disk, db, datetime.now(UTC))
        await client.post("/login", data={"key": await full.key(scopes=("read", "admin"))})
        shown = shown_kpis((await client.get("/panel/kpis")).text)
        vessels = balanced((await client.get("/panel/layers")).text)
    for key, (number, _) in expected.items():
        assert float(shown[key]) == near_on_disk(key[0], number), key
    levels = re.findall(r'aria-label="Usage of (\w+)".*?pressure (\w+)', vessels, re.DOTALL)
    assert levels == [("interact", "low"), ("insights", "medium"), ("assets", "high")]
