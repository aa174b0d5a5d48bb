"""Who acts: told to the database with each transaction, and kept there with each decision."""

from __future__ import annotations

from contextvars import ContextVar

_actor: ContextVar[str] = ContextVar("actor", default="")


def act_as(key: str) -> None:
    """From here on, what this request does is done by the key of this name."""
    _actor.set(f"key {key}")


def actor() -> str:
    """Whoever acts; empty: the service itself, and the database knows its login."""
    return _actor.get()
