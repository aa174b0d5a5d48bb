"""What tells a message about an alert from every other one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.model.watch import Message

# Fixed for ever: with another one, what was sent before would look new to its receivers.
_SPACE = uuid.UUID("6e1d3c5a-0f2b-4d7e-9a44-5b8f1c0d7e32")


def message_id(message: Message) -> uuid.UUID:
    """The id of a row of `memory.due_notifications`: the same at every attempt, else of no other.

    The number alone would not do: every installation begins with 1, and a restored one gives
    numbers again that the original gave after the backup. When it happened, to the microsecond,
    and to what, tells them apart.
    """
    body = message.body
    parts = (
        message.id,
        body["alert"],
        message.event,
        body["at"],
        body["rule"],
        body["scope"],
    )
    return uuid.uuid5(_SPACE, "\n".join(map(str, parts)))
