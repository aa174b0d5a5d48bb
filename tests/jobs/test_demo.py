"""The demo: what it promises is on the screen, a second time too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from jobs.demo.conversation import demo_memories
from jobs.demo.tour import take_tour
from jobs.scratch import scratch_database
from service.core.backend import Backend, load_embedder
from service.core.database import make_pool
from service.core.memory import Memory
from service.core.settings import Settings
from tests.jobs.commands import magray

if TYPE_CHECKING:
    from service.core.embedding.cache import CachedEmbedder


@pytest.mark.anyio
async def test_the_best_memory_answers_each_question(clone_url: str) -> None:
    settings = Settings(database_url=clone_url, pool_size=2)
    embedder: CachedEmbedder | None = load_embedder(settings)
    assert embedder is not None
    async with (
        scratch_database(settings, embedder) as scratch,
        make_pool(scratch.database.url, size=2, role="memory_operator") as pool,
    ):
        backend = Backend(
            settings=settings,
            database=scratch.database,
            pool=pool,
            memory=Memory(pool),
            embedder=embedder,
        )
        first, second = await take_tour(backend), await take_tour(backend)
    embedder.close()
    for tour in (first, second):
        best = [answer.hits[0].content for answer in tour.answers]
        assert "four hundred and ten euros" in best[0]
        assert "walnuts" in best[1]
        assert "репетирует" in best[2]
        assert {layer.layer: layer.memories for layer in tour.layers} == {
            "interact": 20,
            "insights": 2,
            "assets": 1,
        }
        criteria = {one.criterion: one for one in tour.explained[1]}
        assert criteria["user_rating"].value == 5
        assert criteria["access_count"].value == 3
    assert all(row.created and not row.has_embedding for row in first.stored)
    assert all(row.has_embedding and not row.created for row in second.stored)


def test_the_demo_is_shown(clone_url: str) -> None:
    first, second = magray(clone_url, "demo"), magray(clone_url, "demo")
    for done in (first, second):
        assert done.returncode == 0, done.stderr
        for shown in ("walnuts", "репетирует", "insights", "core_concept", "user_rating", "score"):
            assert shown in done.stdout
        assert done.stderr == ""
    assert "23 recognised" in second.stdout
    with psycopg.connect(clone_url) as connection:
        row = connection.execute(
            "select count(*), max(rating_count) from memory.records where namespace = 'demo'"
        ).fetchone()
    assert row == (len(demo_memories()), 1)
