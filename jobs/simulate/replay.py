"""A trace replayed through the real SQL functions, under the clock of the trace.

Every object is a memory. Whether a request is a hit is asked of the database: `memory.touch_many`
counts a use of what is there. What is missing is stored by `memory.remember_many`, once
`memory.evict` made room for it, so the budget is never exceeded. The jobs of the lifecycle run when
the clock of the trace has moved on far enough.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from jobs.simulate.trace import Trace
    from service.core.memory import ReplayCalls
    from service.core.model.replay import Blocking

NAMESPACE = "trace"
LAYERS = ("interact", "insights", "assets")
# Evicted beyond what is needed at the moment, as a share of the budget: so that a replay does not
# call for every object, as the scheduled job does not.
_HEADROOM = 0.01
# Requests, or time, after which the jobs are looked at; they run by the clock of the trace. By the
# time, for the partitions made last reach only days ahead.
_JOB_REQUESTS = 200
_JOB_TIME = timedelta(hours=1)
# Most of a life that may pass within a batch, for all in it is stored and used at its end: five
# minutes of a day.
_LIFE_SHARE = 1 / 288


@dataclass
class Outcome:
    """What a replay came to.

    Attributes:
        requests: how many.
        hits: how many found their memory, by the layer it was in.
        missed_bytes: bytes of the requests that did not.
        total_bytes: bytes of all requests.
        days: by day of the trace: requests, hits, stored, and one entry for each action decided.
        blocking: what holds records back from promotion, as the database says it; by layer.
    """

    requests: int = 0
    hits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LAYERS, 0))
    missed_bytes: int = 0
    total_bytes: int = 0
    days: dict[int, dict[str, int]] = field(default_factory=dict)
    blocking: dict[str, list[Blocking]] = field(default_factory=dict)

    @property
    def object_misses(self) -> float:
        """Share of the requests that found nothing."""
        return 1 - sum(self.hits.values()) / self.requests

    @property
    def byte_misses(self) -> float:
        """Share of the bytes asked for that were not there."""
        return self.missed_bytes / self.total_bytes


@dataclass
class _Stored:
    size: int
    layer: str
    expires_at: datetime | None


class Replay:
    """One replay, in a database of its own.

    Args:
        calls: the functions, on a prepared database.
        trace: what is asked for.
        budget: bytes all layers together may hold.
        lifecycle: begin in the lowest layer, be promoted, expire; False: eviction alone, in the
            layer where nothing expires.
        advance: told how many requests were done since the last time.
    """

    def __init__(
        self,
        calls: ReplayCalls,
        trace: Trace,
        *,
        budget: int,
        lifecycle: bool,
        advance: Callable[[int], None],
    ) -> None:
        self._calls = calls
        self._trace = trace
        self._budget = budget
        self._lifecycle = lifecycle
        # where memories begin, and the kind that begins there
        self._layer, self._kind = (
            ("interact", "user_interaction") if lifecycle else ("assets", "documentation")
        )
        self._advance = advance
        self._outcome = Outcome()
        self._ids: dict[int, UUID] = {}
        self._stored: dict[UUID, _Stored] = {}
        self._held = dict.fromkeys(LAYERS, 0)
        self._expiries: list[tuple[datetime, UUID]] = []
        self._start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self._done: dict[str, datetime] = {}
        self._promotes = self._expires = False

    async def run(self) -> Outcome:
        """Replay the whole trace.

        Raises:
            RuntimeError: the database holds another number of memories than were left in it.
        """
        self._promotes = self._lifecycle and await self._calls.has("promote")
        self._expires = self._lifecycle and await self._calls.has("expire")
        now = looked = self._start
        next_look = 0
        span = _LIFE_SHARE * await self._calls.shortest_life()
        for place, (begin, end) in enumerate(self._batches(span.total_seconds())):
            since, now = now, self._start + timedelta(seconds=float(self._trace.times[end - 1]))
            await self._pause(since, now)
            self._note_expired(now)
            if begin >= next_look or now - looked >= _JOB_TIME:
                await self._jobs(now)
                next_look, looked = begin + _JOB_REQUESTS, now
            await self._batch(begin, end, f"request {place}", now)
            self._advance(end - begin)
        if (live := await self._calls.count(now)) != len(self._stored):
            raise RuntimeError(f"{live} memories are live, {len(self._stored)} ought to be")
        await self._close(now)
        return self._outcome

    def _batches(self, span: float) -> Iterator[tuple[int, int]]:
        """Places of requests handled at once: few beside what the budget holds, and soon after.

        No more than a 64th of the objects it holds on average, and no more than a 20th of its
        bytes, so that a batch moves about as much as one eviction; the last no more than `span`
        seconds after the first.
        """
        trace = self._trace
        mean = trace.bytes / len(trace.object_sizes)
        most = max(1, min(256, int(self._budget / mean / 64)))
        begin = size = 0
        latest = span
        requests = zip(trace.times.tolist(), trace.sizes.tolist(), strict=True)
        for place, (at, one) in enumerate(requests):
            full = place - begin >= most or size + one > self._budget / 20
            if place > begin and (full or at > latest):
                yield begin, place
                begin, size = place, 0
            if place == begin:
                latest = at + span
            size += one
        yield begin, len(trace.sizes)

    async def _batch(self, begin: int, end: int, session: str, now: datetime) -> None:
        trace, outcome = self._trace, self._outcome
        numbers = trace.objects[begin:end].tolist()
        known = [self._ids[number] for number in dict.fromkeys(numbers) if number in self._ids]
        live = await self._calls.touch(NAMESPACE, known, session, now) if known else set()
        new: dict[int, int] = {}
        missed = 0
        for number, size in zip(numbers, trace.sizes[begin:end].tolist(), strict=True):
            memory = self._ids.get(number)
            outcome.requests += 1
            outcome.total_bytes += size
            if memory in live:
                outcome.hits[self._stored[memory].layer] += 1
            elif number in new:
                outcome.hits[self._layer] += 1
            else:
                outcome.missed_bytes += size
                bytes_ = int(trace.object_sizes[number])
                missed += 1
                if bytes_ <= self._budget:
                    new[number] = bytes_
        await self._make_room(sum(new.values()), now)
        await self._store(new, now)
        self._count(now, "requests", end - begin)
        self._count(now, "hits", end - begin - missed)
        self._count(now, "stored", len(new))

    def _count(self, at: datetime, what: str, number: int = 1) -> None:
        day = self._outcome.days.setdefault((at - self._start).days, {})
        day[what] = day.get(what, 0) + number

    async def _make_room(self, size: int, now: datetime) -> None:
        """Evict from the lowest layer up, until `size` more bytes fit."""
        excess = sum(self._held.values()) + size - self._budget
        if excess <= 0:
            return
        needed = min(excess + int(_HEADROOM * self._budget), sum(self._held.values()))
        for layer in LAYERS:
            if needed > 0 and self._held[layer]:
                for memory in await self._calls.evict(layer, needed, now):
                    needed -= self._remove(memory)

    async def _store(self, new: dict[int, int], now: datetime) -> None:
        if not new:
            return
        memories = [
            {"content": f"object {number}", "kind": self._kind, "metadata": {"bytes": size}}
            for number, size in new.items()
        ]
        answer = await self._calls.remember(NAMESPACE, memories, now)
        for (number, size), row in zip(new.items(), answer, strict=True):
            self._ids[number] = row.id
            self._add(row.id, _Stored(size, row.layer, row.expires_at))

    def _add(self, memory: UUID, stored: _Stored) -> None:
        self._stored[memory] = stored
        self._held[stored.layer] += stored.size
        if stored.expires_at is not None:
            heapq.heappush(self._expiries, (stored.expires_at, memory))

    def _remove(self, memory: UUID) -> int:
        gone = self._stored.pop(memory)
        self._held[gone.layer] -= gone.size
        return gone.size

    def _note_expired(self, now: datetime) -> None:
        """What expired is no longer there; a promoted record has a later entry of its own."""
        while self._expiries and self._expiries[0][0] <= now:
            expires_at, memory = heapq.heappop(self._expiries)
            if memory in self._stored and self._stored[memory].expires_at == expires_at:
                self._remove(memory)
                self._count(expires_at, "expired")

    async def _pause(self, since: datetime, until: datetime) -> None:
        """Promotion while nothing is asked for, as long as something is left that could move.

        What was used before the pause moves at the first run of the job. Later a verdict changes
        only with age, so it is enough to look whenever the pause has become twice as long. The
        other jobs can wait for the end: reads leave out what expired, and nothing is evicted.
        """
        wait = _JOB_TIME
        while self._promotes and self._expiries and since + wait < until:
            self._note_expired(since + wait)
            await self._partitions(since + wait)
            await self._promote(since + wait)
            wait *= 2

    async def _jobs(self, now: datetime) -> None:
        """The jobs that are due by the clock of the trace."""
        await self._partitions(now)
        if self._due("reuse", now, timedelta(minutes=1)):
            await self._calls.learn_reuse(now)
        if self._due("ghosts", now, timedelta(hours=1)):
            await self._calls.purge_ghosts(now)
        if self._expires and self._due("expire", now, timedelta(hours=1)):
            await self._calls.expire(now)
        if self._promotes and self._due("promote", now, timedelta(hours=1)):
            await self._promote(now)

    async def _partitions(self, now: datetime) -> None:
        if self._due("partitions", now, timedelta(days=1)):
            await self._calls.make_partitions(now)

    def _due(self, job: str, now: datetime, every: timedelta) -> bool:
        last = self._done.get(job)
        if last is not None and now - last < every:
            return False
        self._done[job] = now
        return True

    async def _promote(self, now: datetime) -> None:
        await self._calls.promote(now)
        moved = await self._calls.promoted(now)
        expiries = await self._calls.where(list(moved))
        for memory, layer in moved.items():
            size = self._remove(memory)
            self._add(memory, _Stored(size, layer, expiries[memory]))
            self._count(now, "promoted")

    async def _close(self, now: datetime) -> None:
        """What was decided, by day, and what held records back."""
        for row in await self._calls.decisions_by_day(self._start):
            if row.action == "evict":
                self._outcome.days.setdefault(row.day, {})["evicted"] = row.records
        if self._lifecycle and await self._calls.has("blocking_criteria"):
            for layer in LAYERS[:-1]:
                self._outcome.blocking[layer] = await self._calls.blocking_criteria(layer, now)
