"""Waiting until the process is told to stop."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK = 0.5  # seconds


async def until_told(alive: Callable[[], bool] = lambda: True) -> bool:
    """Wait for SIGINT or SIGTERM; True when it came, False when what is watched has died.

    Args:
        alive: asked twice a second.
    """
    told = anyio.Event()

    async def listen() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                told.set()

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        while not told.is_set() and alive():
            with anyio.move_on_after(_LOOK):
                await told.wait()
        group.cancel_scope.cancel()
    return told.is_set()
