"""Sees that the database is away, says why, and starts the embedded one again until it is back.

Away is what nobody can connect to; a pool that is merely exhausted is not. While it is away the log
says so at once, `/health` and every problem (503) name the cause, and requests are refused at once
rather than kept waiting. Back again, the outage is told to the database: `memory.outages`, a KPI
and an alert come of it.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread
import psycopg
import structlog

from service.core.database import LOST, connect
from service.core.embedded.ending import Cause
from service.core.errors import PlatformError
from service.core.repeat import every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from psycopg_pool import AsyncConnectionPool

    from service.core.backend import Database
    from service.core.embedded import EmbeddedServer
    from service.core.memory import Watch

log = structlog.get_logger("magray.supervisor")

Value = TypeVar("Value")

_TICK = 0.5  # seconds between two looks
_LONGEST_PAUSE = 60.0  # seconds between two starts; the first follows at once, the next after 1 s
_CALM = 60.0  # seconds a server must live for its next end to be a new one
_LONGEST_PROBE = 5.0  # seconds between two attempts to connect to what we do not start
_CALL = 2.0  # seconds between two attempts to connect while it was there the last time
_ANSWER = 3.0  # seconds a server gets to let us in
_SHORT = 10.0  # seconds of an outage in which requests wait for its end
_HURRY = 0.5  # seconds they wait for a connection afterwards
_UNTOLD = 100  # outages kept until they can be told
_DOUBTS = ("connections_errors", "connections_lost", "requests_errors", "returns_bad")
_FULL_OF_CLIENTS = "53300"  # it answers: nobody more may come in, but it is not away
# What refuses a connection, in words without an address. First match wins.
_REFUSALS = (
    ("No space left on device", "no space left on device"),
    ("starting up|in recovery|not yet accepting", "it is starting, or recovers from a crash"),
    ("shutting down", "it is being stopped"),
    ("not currently accepting connections|no longer accepts", "it accepts no connections"),
    ("Connection refused|No such file or directory", "nobody listens where it should be"),
    ("translate host name|Name or service|resolve", "its host is not known"),
    ("password|authentication|no pg_hba", "it does not let the service in"),
    ("timeout|timed out", "it does not answer"),
)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The database is away.

    Attributes:
        since: when that was noticed.
        cause: why, and what whoever runs the service can do.
        restarting: whether it is started again from here.
        again: seconds until the next attempt.
    """

    since: datetime
    cause: Cause
    restarting: bool
    again: float = 0.0

    @property
    def sentence(self) -> str:
        """What to say first."""
        more = ": it is being started again" if self.restarting else ""
        return f"the database is away{more}"

    @property
    def retry_after(self) -> int:
        """Seconds after which a caller may try again."""
        return max(1, math.ceil(self.again))


class Supervisor:
    """Looks twice a second whether the database is there.

    Args:
        database: which one; only the embedded one is started again.
        pools: connections to it, which are to find it again without delay.
        watch: keeps outages.

    Attributes:
        trouble: what is wrong now; None while the database is there.
    """

    def __init__(
        self, database: Database, pools: Sequence[AsyncConnectionPool], watch: Watch
    ) -> None:
        self.trouble: Trouble | None = None
        self._url = database.url
        self._server = database.server
        self._watch = watch
        self._patience = {pool: pool.timeout for pool in dict.fromkeys(pools)}
        self._doubts = 0
        self._starts = 0
        self._back_at = -math.inf
        self._probe_at = 0.0
        self._untold: list[tuple[Trouble, datetime]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look; a start under way at the end goes on, and whoever stops the server waits for it."""
        async with every(
            _TICK,
            self._look,
            name="supervisor",
            log=log,
            trouble="the look at the database failed",
        ):
            yield

    async def _look(self) -> None:
        server = self._server
        if server is not None and not await _in_thread(lambda: server.is_reachable):
            await self._revive(server)
        elif self.trouble is not None or self._in_doubt():
            await self._probe()
        if self.trouble is None and self._untold:
            await self._tell()

    def _in_doubt(self) -> bool:
        """Whether a pool had trouble since the last look; it may be that all are busy."""
        if time.monotonic() < self._probe_at:
            return False
        stats = [pool.get_stats() for pool in self._patience]
        doubts = sum(one.get(name, 0) for one in stats for name in _DOUBTS)
        found, self._doubts = doubts != self._doubts, doubts
        return found

    async def _revive(self, server: EmbeddedServer) -> None:
        """Start it again, with a pause that grows, until it is there."""
        cause = await _why(server.cause_of_end)
        if time.monotonic() - self._back_at > _CALM:
            self._starts = 0
        while True:
            pause = pause_before(self._starts)
            self._starts += 1
            self._away(cause, again=pause, restarting=True)
            await self._pause(server, pause)
            try:
                await _in_thread(server.revive)
            except PlatformError as error:
                cause = await _why(partial(server.cause_of_refusal, error))
            except Exception as error:  # whatever it is, it must not end the attempts
                log.exception("PostgreSQL was not started again", exc_info=error)
                cause = Cause("PostgreSQL does not start", str(error), "magray check")
            else:
                self._back_at = time.monotonic()
                await self._back()
                return

    async def _pause(self, server: EmbeddedServer, seconds: float) -> None:
        """Wait so long, or until somebody else has started it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _TICK))
            if await _in_thread(lambda: server.is_reachable):
                return

    async def _probe(self) -> None:
        """Ask whether it lets us in; less often the longer it does not."""
        now = time.monotonic()
        if self.trouble is not None and now < self._probe_at:
            self._hurry(self.trouble)
            return
        self._probe_at = now + _CALL
        try:
            async with asyncio.timeout(_ANSWER), connect(self._url):
                pass
        except (psycopg.Error, OSError, TimeoutError) as error:
            if getattr(error, "sqlstate", None) == _FULL_OF_CLIENTS:
                await self._back()
                return
            pause = _TICK if self.trouble is None else min(self.trouble.again * 2, _LONGEST_PROBE)
            self._probe_at = now + pause
            self._away(refusal(error), again=pause, restarting=False)
        else:
            await self._back()

    def _away(self, cause: Cause, *, again: float, restarting: bool) -> None:
        """Say so: in the log when it is new, its cause is another one, or a start has failed."""
        was = self.trouble
        since = datetime.now(UTC) if was is None else was.since
        self.trouble = Trouble(since=since, cause=cause, restarting=restarting, again=again)
        if was is None or was.cause.what != cause.what or (restarting and again):
            log.error(
                self.trouble.sentence,
                cause=cause.what,
                detail=cause.detail,
                hint=cause.hint,
                next_try_in=again,
            )
        self._hurry(self.trouble)

    def _hurry(self, trouble: Trouble) -> None:
        """In a long outage nobody is kept waiting for a connection."""
        if (datetime.now(UTC) - trouble.since).total_seconds() > _SHORT:
            for pool in self._patience:
                pool.timeout = _HURRY

    async def _back(self) -> None:
        trouble, self.trouble = self.trouble, None
        for pool, patience in self._patience.items():
            pool.timeout = patience
        if trouble is None:
            return
        now = datetime.now(UTC)
        log.warning(
            "the database is back",
            cause=trouble.cause.what,
            restarted=trouble.restarting,
            seconds=round((now - trouble.since).total_seconds(), 1),
        )
        self._untold = [*self._untold, (trouble, now)][-_UNTOLD:]
        for pool in self._patience:
            await pool.check()

    async def _tell(self) -> None:
        """Note outages in the database; while it is away again they wait for the next look."""
        while self._untold:
            trouble, ended = self._untold[0]
            try:
                await self._watch.note_outage(
                    trouble.since,
                    ended,
                    trouble.cause.what,
                    trouble.cause.detail,
                    restarted=trouble.restarting,
                )
            except LOST:
                return
            except psycopg.Error as error:  # it would be refused the next time, too
                log.warning("outage not kept", cause=trouble.cause.what, error=str(error))
            self._untold.pop(0)


async def _in_thread(work: Callable[[], Value]) -> Value:
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


async def _why(ask: Callable[[], Cause]) -> Cause:
    """A cause; the files that tell it may be as unreadable as those of the database."""
    try:
        return await _in_thread(ask)
    except Exception as error:
        return Cause("PostgreSQL does not run", str(error), "magray check")


def pause_before(starts: int) -> float:
    """Seconds to wait before a start, after so many that followed each other closely."""
    return min(2.0 ** min(starts - 1, 10), _LONGEST_PAUSE) if starts else 0.0


def refusal(error: Exception) -> Cause:
    """Why a connection was refused."""
    said = str(error).strip() or "it did not answer in time: timeout"
    known = (what for pattern, what in _REFUSALS if re.search(pattern, said))
    return Cause(next(known, "it does not answer"), said, "magray check")
