"""Delivers the messages about alerts that wait in the database: in order, at least once.

What waits, and when it is tried again, is SQL (`memory.due_notifications`, `note_notification`). A
message is noted as delivered after its receiver took it, so a crash in between repeats it. Of
several services the one whose session holds the lock delivers. Each channel is a task of its own,
so that a receiver that is slow holds back its own messages only.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog

from service.core.database import connect
from service.core.memory import Notifications
from service.core.repeat import again, every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.background.watch.channels import Send
    from service.core.model.watch import Message

log = structlog.get_logger("magray.notifier")

_TICK = 2.0  # seconds between two looks at what waits
_PAUSE = 5.0  # seconds to wait when the database is away


class Notifier:
    """Delivers what is due, every two seconds.

    Args:
        url: a login that may act as `memory_operator`.
        channels: what to call with a message, by channel.
    """

    def __init__(self, url: str, channels: dict[str, Send]) -> None:
        self._url = url
        self._channels = channels

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver; a message under way at the end is delivered again after the next start."""
        async with every(_PAUSE, self._work, name="notifier", log=log, trouble="alerts wait"):
            yield

    async def _work(self) -> None:
        """Everything on one connection, which holds the lock, until it is lost."""
        async with connect(self._url, role="memory_operator", bound="60s") as connection:
            queue = Notifications(connection)
            while not await queue.lock():  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(_TICK)
            async with asyncio.TaskGroup() as group:
                for channel in self._channels:
                    turn = partial(self._serve, queue, channel)
                    group.create_task(again(_TICK, turn), name=channel)

    async def _serve(self, queue: Notifications, channel: str) -> None:
        while await self._deliver(queue, channel):
            pass

    async def _deliver(self, queue: Notifications, channel: str) -> bool:
        """Try the next message of a channel; whether there was one and it was taken."""
        due = [row for row in await queue.due() if row.channel == channel]
        for message in due:
            fault = await self._send(channel, message)
            noted = await queue.note(message.id, fault)
            if fault is not None and noted is not None:
                log.warning(
                    "alert not delivered",
                    channel=channel,
                    error=fault,
                    attempts=noted.attempts,
                    again=noted.next_attempt_at.isoformat(),
                )
                return False
        return bool(due)

    async def _send(self, channel: str, message: Message) -> str | None:
        """What went wrong, None when nothing did; whatever a receiver does, the message stays."""
        try:
            await self._channels[channel](message)
        except Exception as error:
            return f"{type(error).__name__}: {error}".partition("\n")[0][:500]
        return None
