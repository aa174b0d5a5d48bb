"""Gives stored memories their vectors now, instead of leaving that to the service's worker.

Only those named: what else waits in the database is the service's work. Both may run at once, and
what one of them leaves unfinished the other does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

from service.core.embedding.isolate import embed_each
from service.core.embedding.keep import keep
from service.core.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from service.core.embedding.port import Embedder
    from service.core.memory import Memory


async def embed_pending(
    memory: Memory,
    embedder: Embedder,
    waiting: Sequence[tuple[str, UUID]],
    *,
    batch: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, EmbeddingUnavailable | None]:
    """Embed these memories as far as they wait for a vector.

    A text that cannot be embedded is noted, and tried again later by the service.

    Args:
        memory: where they are.
        embedder: its cached vectors are used.
        waiting: namespace and id of each.
        batch: memories embedded and written at once.
        on_progress: called with the number of memories dealt with in each batch.

    Returns:
        How many vectors were written, and why no more are: the provider does not answer.
    """
    written, waiting = 0, list(dict.fromkeys(waiting))
    for start in range(0, len(waiting), batch):
        some = waiting[start : start + batch]
        pending = await memory.pending_embeddings(batch, first=some, others=False)
        outcomes = await anyio.to_thread.run_sync(
            embed_each,
            embedder,
            [row.document for row in pending],
            [row.attempts for row in pending],
        )
        try:
            written += await keep(memory, pending, outcomes, embedder.model_id)
        except EmbeddingUnavailable as error:
            return written, error
        on_progress(len(some))
    return written, None
