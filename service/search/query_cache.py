"""Answers a repeated search without searching, and never with something that is no longer so.

An answer is kept with the namespace's change token, which grows in the transaction of every write,
edit, forgetting and vector. It is served only while the token is the same (one look-up by key in
the database, so writes of other processes and of psql count too), while none of its memories has
expired, and for at most `query_cache_ttl_minutes`. The namespace is part of the key.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from cachetools import TTLCache

if TYPE_CHECKING:
    from service.core.memory import Memory
    from service.core.model.memories import Hit, SearchRequest

_MOST_ANSWERS = 10_000


@dataclass(frozen=True, slots=True)
class _Answer:
    token: int
    hits: list[Hit]
    good_until: datetime | None


class QueryCache:
    """Recent answers by request.

    Args:
        memory: asked for the change token.
        ttl_minutes: longest life of an answer; 0 keeps none.

    Attributes:
        hits: searches answered from here.
        misses: searches that were not.
    """

    def __init__(self, memory: Memory, *, ttl_minutes: float) -> None:
        self._memory = memory
        self._answers: TTLCache[bytes, _Answer] = TTLCache(
            maxsize=_MOST_ANSWERS if ttl_minutes else 0, ttl=ttl_minutes * 60
        )
        self.hits = 0
        self.misses = 0

    async def find(self, key: bytes, namespace: str) -> list[Hit] | None:
        """The answer to the request of this key, if one was kept and still holds."""
        answer = self._answers.get(key)
        if (
            answer is not None
            and (answer.good_until is None or answer.good_until > datetime.now(UTC))
            and answer.token == await self._memory.change_token(namespace)
        ):
            self.hits += 1
            return answer.hits
        self.misses += 1
        return None

    def keep(self, key: bytes, hits: list[Hit], token: int) -> None:
        """Keep an answer; `token` was read before it was found, in the same transaction."""
        expiries = [hit.expires_at for hit in hits if hit.expires_at is not None]
        if self._answers.maxsize:
            self._answers[key] = _Answer(token, hits, min(expiries, default=None))


def key_of(request: SearchRequest) -> bytes:
    """Everything that shapes the answer; whether it counts as a use does not."""
    vector = request.embedding
    rest = msgspec.structs.replace(request, touch=True, session=None, embedding=None)
    # numbers as they are: a vector takes a tenth of the time it takes as text
    return msgspec.json.encode(rest) + (
        b"" if vector is None else b"," + array("d", vector).tobytes()
    )
