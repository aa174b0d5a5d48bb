"""Ending a background task for sure."""

from __future__ import annotations

import asyncio
from typing import Any

# Between two requests to end: seconds.
_INSISTENCE = 1.0


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it is over; None is over already.

    One request is not always enough: a query that is cancelled may come back as the error of a
    cancelled query, which a loop that survives errors survives as well.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_INSISTENCE)
