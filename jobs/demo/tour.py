"""Stores the demo's conversation, asks its questions and gathers what there is to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from jobs.demo.conversation import NAMESPACE, QUESTIONS, demo_memories
from service.core.embedding.pending import embed_pending
from service.core.memory import Use
from service.core.model.memories import SearchRequest

if TYPE_CHECKING:
    from service.core.backend import Backend
    from service.core.model.memories import Criterion, Hit, Layer, Stored

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question of the demo with the best memories for it."""

    question: str
    shows: str
    hits: list[Hit]


@dataclass(frozen=True, kw_only=True)
class Tour:
    """What the demo shows.

    Attributes:
        stored: one row a memory; `created` is false when the demo ran before.
        answers: the questions with their best memories.
        layers: the three layers with what the demo's namespace holds in each.
        explained: the memory found first, and why it is where it is.
    """

    stored: list[Stored]
    answers: list[Answer]
    layers: list[Layer]
    explained: tuple[Hit, list[Criterion]]


async def take_tour(backend: Backend) -> Tour:
    """Run the demo; a second run finds everything stored and does the rest again."""
    memory, memories = backend.memory, demo_memories()
    stored = await memory.remember(memories, [None] * len(memories))
    if backend.embedder is not None:
        waiting = [(row.namespace, row.id) for row in stored if not row.has_embedding]
        _, away = await embed_pending(memory, backend.embedder, waiting, batch=len(memories))
        if away is not None:
            raise away
    answers = [await _answer(backend, question, shows) for question, shows in QUESTIONS]
    best = answers[0].hits[0]
    # Uses and a rating, as an assistant reports them, so that there is a score to explain.
    await memory.touch_many(
        [Use(NAMESPACE, best.id, session, "search") for session in ("morning", "noon", "evening")]
    )
    if any(row.created and row.id == best.id for row in stored):
        await memory.rate(NAMESPACE, best.id, 5.0, session="demo")
    return Tour(
        stored=stored,
        answers=answers,
        layers=await memory.layers(NAMESPACE),
        explained=(best, await memory.explain(NAMESPACE, best.id)),
    )


async def _answer(backend: Backend, question: str, shows: str) -> Answer:
    vector = None
    if backend.embedder is not None:
        vector = await anyio.to_thread.run_sync(backend.embedder.embed_query, question)
    request = SearchRequest(namespace=NAMESPACE, query=question, top_k=_SHOWN, explain=True)
    hits, _ = await backend.memory.search(request, vector)
    return Answer(question=question, shows=shows, hits=hits)
