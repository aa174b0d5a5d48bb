"""Doing a thing again and again beside what a service answers: the one loop there is.

`every` keeps the work going through errors; `again` lets them out, for work that holds something
(a connection, a lock) from turn to turn and is begun anew with it. No library: a scheduler in
the process (APScheduler, 3.11 of 2025, its 4 a beta for years) brings stores, triggers and
workers for what the rows of `memory_data.schedule` already are; here is only the clock.

`every` is a task group of one. asyncio's own would wrap whatever ends the block into a group
of exceptions, and cancels once, which is not enough (`tasks.end`).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

import psycopg

from service.core.errors import MagrayError
from service.core.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from structlog.stdlib import BoundLogger

    #: One turn of the work: None, or seconds until the next turn when it is to be another time.
    Turn: TypeAlias = Callable[[], Awaitable[float | None]]


class Wake:
    """Ends the wait for the next turn; a pause the work itself asked for is not cut short."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def __call__(self) -> None:
        """Let the next turn begin now, or follow the one under way."""
        self._asked.set()

    def forget(self) -> None:
        """What was asked so far is answered by the turn that begins."""
        self._asked.clear()

    async def within(self, seconds: float) -> None:
        """Wait until it is asked, at most so long."""
        with suppress(TimeoutError):
            # not wait_for: in Python 3.11 it may swallow being cancelled
            async with asyncio.timeout(seconds):
                await self._asked.wait()


async def again(seconds: float, work: Turn, *, wake: Wake | None = None) -> None:
    """Do the work every so many seconds; ends with its first error, or cancelled.

    The turns begin on a grid: what one takes does not put off the next, and those it misses are
    left out.

    Args:
        seconds: from the beginning of one turn to that of the next.
        work: the first turn is at once.
        wake: begins a turn before its time.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    waked = wake or Wake()
    while True:
        waked.forget()
        pause = await work()
        # a query that is cancelled may come back as its own error, which the work survived
        if _is_told_to_end():
            raise asyncio.CancelledError
        now = clock()
        if pause is None:
            missed = max(0.0, now - due) // seconds
            due += (missed + 1) * seconds
            await waked.within(max(0.0, due - now))
        else:
            await asyncio.sleep(pause)
        # woken, or after a pause of its own, the grid begins anew
        due = clock() if pause is not None or clock() < due else due


@asynccontextmanager
async def every(
    seconds: float,
    work: Turn,
    *,
    name: str,
    log: BoundLogger,
    trouble: str,
    after: float = 0.0,
    wake: Wake | None = None,
) -> AsyncIterator[None]:
    """Do the work every so many seconds while the block runs, whatever it fails of.

    What the project knows how to say (MagrayError, an error of the database) is a warning of one
    line, anything else is told with its traceback; after both the next turn comes as ever. At the
    end of the block it is cancelled, until it is over.

    Args:
        seconds: from the beginning of one turn to that of the next.
        work: see `Turn`.
        name: of the task.
        log: where trouble is told.
        trouble: what it is called there.
        after: seconds until the first turn.
        wake: begins a turn before its time.
    """

    async def turn() -> float | None:
        try:
            return await work()
        except Exception as error:
            if _is_told_to_end():
                raise asyncio.CancelledError from error
            cause = _first(error)
            if isinstance(cause, MagrayError):
                log.warning(trouble, error=cause.message, detail=cause.detail)
            elif isinstance(cause, psycopg.Error):
                log.warning(trouble, error=str(cause).partition("\n")[0])
            else:
                log.exception(trouble, exc_info=error)
            return None

    async def turns() -> None:
        await asyncio.sleep(after)
        await again(seconds, turn, wake=wake)

    task = asyncio.create_task(turns(), name=name)
    try:
        yield
    finally:
        await end(task)


def _is_told_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(error: Exception) -> BaseException:
    """What went wrong first, where a task group collected it; a fault of ours before all else."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        together = found.exceptions
        ours = (one for one in together if not isinstance(one, MagrayError | psycopg.Error))
        found = next(ours, together[0])
    return found
