"""Gives stored memories their vectors now, instead of leaving that to the service's worker.

Both take what stands in the database without a vector, so both may run at once, and what one of
them leaves unfinished the other does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.to_thread
import numpy as np

from service.embedding.port import EmbeddingUnavailable
from service.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.embedding.port import Embedder, Vectors
    from service.memory import Memory


async def embed_pending(
    memory: Memory,
    embedder: Embedder,
    *,
    batch: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Embed every memory that waits for its vector; returns how many vectors were written.

    A text that cannot be embedded is noted, and tried again later by the service.

    Args:
        memory: where they are.
        embedder: its cached vectors are used.
        batch: memories embedded and written at once.
        on_progress: called with the number of memories dealt with in each batch.

    Raises:
        EmbeddingUnavailable: the provider does not answer; what is written stays.
    """
    written = 0
    while pending := await memory.pending_embeddings(batch):
        rows, vectors = await _embed(memory, embedder, pending)
        if rows:
            written += await memory.write_embeddings(rows, np.stack(vectors), embedder.model_id)
        on_progress(len(pending))
    return written


async def _embed(
    memory: Memory, embedder: Embedder, pending: Sequence[dict[str, Any]]
) -> tuple[Sequence[dict[str, Any]], list[Vectors]]:
    """The rows that could be embedded and their vectors."""
    try:
        documents = [row["document"] for row in pending]
        return pending, list(await anyio.to_thread.run_sync(embedder.embed_documents, documents))
    except EmbeddingUnavailable:
        raise
    except EmbeddingError as error:
        if len(pending) == 1:
            await memory.note_embedding_failure(
                pending[0]["namespace"], pending[0]["id"], error.message
            )
            return [], []
    rows: list[dict[str, Any]] = []
    vectors: list[Vectors] = []
    for row in pending:  # one of them is to blame
        good, found = await _embed(memory, embedder, [row])
        rows += good
        vectors += found
    return rows, vectors
