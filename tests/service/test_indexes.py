"""The index builder: what partitions have earned is built, unless the database is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.background import indexes
from service.core.memory import Jobs
from tests.api.running import until
from tests.plans.conftest import seed
from tests.sql.calls import call, session, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.core.model.operation import Runner

pytestmark = pytest.mark.anyio


@pytest.fixture
async def builder(clone_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Memories whose partitions have earned indexes, jobs switched off, and a hasty builder."""
    seed(clone_url)
    with session(clone_url) as db:
        db.execute("update memory_data.layer set index_rows = 50")
        db.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
        value(db, "select memory.allow_jobs(false)")
    monkeypatch.setattr(indexes, "_INTERVAL", 0.02)
    async with indexes.IndexBuilder(clone_url).running():
        yield


@pytest.mark.usefixtures("builder")
async def test_a_database_held_back_gets_indexes_when_it_is_released(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    ask = Jobs.runner

    async def counted(jobs: Jobs) -> Runner:
        found = await ask(jobs)
        looks.append(found.runner)
        return found

    monkeypatch.setattr(Jobs, "runner", counted)

    async def looked_thrice() -> bool:
        return len(looks) >= 3

    await until(looked_thrice)
    assert set(looks) == {"nobody"}
    with session(clone_url) as db:
        assert call(db, "plan_indexes")
        value(db, "select memory.allow_jobs()")

        async def built() -> bool:
            return not call(db, "plan_indexes")

        await until(built)
