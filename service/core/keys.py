"""API keys: made here, stored as SHA-256 in the database, recognised with a short memory.

256 random bits need no slow hash. A key is `magray_` and 43 characters; its first 14
characters name it in lists.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from cachetools import TTLCache

from service.core.secret_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.memory import Memory, Operator
    from service.core.model.memories import ApiKey

ALL_NAMESPACES = "*"
SCOPES = ("read", "write", "admin")
_PREFIX_LENGTH = 14
# How long a revoked key may still be served: seconds.
_REMEMBERED = 5.0


def digest(key: str) -> bytes:
    """The SHA-256 a key is stored under."""
    return hashlib.sha256(key.encode()).digest()


async def create_key(
    operator: Operator, name: str, *, namespaces: list[str], scopes: list[str]
) -> str:
    """Make and register a key; returns it, for it is stored nowhere."""
    key = "magray_" + secrets.token_urlsafe(32)
    await operator.create_key(name, key[:_PREFIX_LENGTH], digest(key), namespaces, scopes, None)
    return key


async def first_key(operator: Operator, memory: Memory, path: Path) -> tuple[str, bool]:
    """The key of an embedded installation, made at its first start, kept in a file of mode 0600.

    Returns:
        The key, and whether it was made just now.
    """
    kept = _read(path)
    if kept is not None and await memory.find_key(digest(kept)) is not None:
        return kept, False
    key = await create_key(operator, "first key", namespaces=[ALL_NAMESPACES], scopes=list(SCOPES))
    write_private(path, key)
    return key, True


def _read(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


class KeyRing:
    """Recognises keys; remembers each answer for a few seconds, so a revocation holds soon."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: TTLCache[bytes, ApiKey | None] = TTLCache(maxsize=10_000, ttl=_REMEMBERED)

    async def recognise(self, key: str) -> ApiKey | None:
        """The key's owner and rights, None when it may not be used."""
        key_digest = digest(key)
        try:
            return self._known[key_digest]
        except KeyError:
            found = await self._memory.find_key(key_digest)
            self._known[key_digest] = found
            return found
