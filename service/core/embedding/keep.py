"""Keeps what became of pending memories: their vectors, or why they have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import structlog

from service.core.embedding.isolate import Embedded, reason_of
from service.core.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.core.embedding.isolate import Outcome
    from service.core.memory import Memory
    from service.core.model.memories import Pending

log = structlog.get_logger("magray.embedding")


async def keep(
    memory: Memory, pending: Sequence[Pending], outcomes: Sequence[Outcome], model: str
) -> int:
    """Write the vectors, note the texts that have none; returns how many were written.

    Args:
        memory: where the pending memories are.
        pending: as `Memory.pending_embeddings` gave them.
        outcomes: of their documents, in the same order.
        model: whose vectors they are.

    Raises:
        EmbeddingUnavailable: the provider was away for some; what there is was written first, and
            no text is to blame.
    """
    written = 0
    good = [
        (row, one) for row, one in zip(pending, outcomes, strict=True) if isinstance(one, Embedded)
    ]
    if good:
        rows, found = zip(*good, strict=True)
        written = await memory.write_embeddings(
            rows,
            np.stack([one.vector for one in found]),
            model,
            shortened=[(one.characters, one.reason) for one in found],
        )
    away: EmbeddingUnavailable | None = None
    for row, one in zip(pending, outcomes, strict=True):
        if isinstance(one, EmbeddingUnavailable):
            away = one
        elif isinstance(one, Exception):
            reason = reason_of(one)
            log.warning("memory not embedded", id=str(row.id), error=reason)
            await memory.note_embedding_failure(row.namespace, row.id, reason)
    if away is not None:
        raise away
    return written
