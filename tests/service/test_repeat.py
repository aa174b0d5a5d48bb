"""The one loop: it goes on through errors, keeps its beat, is woken, and ends for sure."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
import structlog
from structlog.testing import capture_logs

from service.core import tasks
from service.core.errors import BackupError
from service.core.repeat import Wake, again, every

pytestmark = pytest.mark.anyio


class Clock:
    """The loop's own clock, moved by whoever waits on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

        async def within(wake: Wake, seconds: float) -> None:
            await self._sleep(0 if wake._asked.is_set() else seconds)

        monkeypatch.setattr(Wake, "within", within)
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class EnoughError(Exception):
    """The test has seen what it wanted."""


def working(*turns: Any) -> Any:
    """Work that does these in turn, then ends the loop."""
    left = list(turns)

    async def work() -> float | None:
        if not left:
            raise EnoughError
        turn = left.pop(0)
        answer: float | None = turn() if callable(turn) else turn
        return answer

    return work


def log() -> Any:
    return structlog.get_logger("test")


async def beat(monkeypatch: pytest.MonkeyPatch, *turns: Any, wake: Wake | None = None) -> Clock:
    """The waits between such turns, every ten seconds."""
    with monkeypatch.context() as patch:
        clock = Clock(patch)

        def taking(turn: Any) -> Any:
            if not isinstance(turn, tuple):
                return turn

            def take() -> float | None:
                clock.now += turn[0]
                return None if len(turn) == 1 else turn[1]

            return take

        with pytest.raises(EnoughError):
            await again(10, working(*map(taking, turns)), wake=wake)
    return clock


async def test_what_a_turn_takes_does_not_put_off_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await beat(monkeypatch, None, (3,), (9,), None)).waits == [10, 7, 1, 10]


async def test_turns_that_were_missed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await beat(monkeypatch, (25,), (10,), None)).waits == [5, 10, 10]


async def test_work_may_ask_for_a_pause_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await beat(monkeypatch, (3, 60.0), None, 0.0, (4,))).waits == [60, 10, 0, 6]


async def test_a_wake_begins_the_next_turn_but_cuts_no_pause_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wake = Wake()

    def asked(answer: float | None) -> Any:
        def turn() -> float | None:
            wake()
            return answer

        return turn

    clock = await beat(monkeypatch, asked(None), None, asked(30), None, wake=wake)
    assert clock.waits == [0, 10, 30, 10]


async def test_a_wake_ends_a_wait_that_has_begun() -> None:
    wake, turns = Wake(), asyncio.Queue[int]()

    async def work() -> None:
        turns.put_nowait(1)

    async with every(3600, work, name="test", log=log(), trouble="", wake=wake):
        for _ in range(3):
            await turns.get()
            await asyncio.sleep(0)
            wake()


async def test_the_loop_goes_on_through_errors_and_tells_them() -> None:
    done = asyncio.Event()
    errors = [
        BackupError("it is full", detail="of sand"),
        psycopg.OperationalError("gone\nfor good"),
        ExceptionGroup("in tasks", [psycopg.OperationalError("gone too")]),
        ValueError("strange"),
    ]
    left = list(errors)

    async def work() -> None:
        if left:
            raise left.pop(0)
        done.set()

    with capture_logs() as logs:
        async with every(0.001, work, name="test", log=log(), trouble="no luck"):
            await done.wait()
    assert {line["event"] for line in logs} == {"no luck"}
    assert [line["log_level"] for line in logs] == ["warning"] * 3 + ["error"]
    told = [(line.get("error"), line.get("detail")) for line in logs[:3]]
    assert told == [("it is full", "of sand"), ("gone", None), ("gone too", None)]
    assert logs[3]["exc_info"] is errors[3]


async def test_again_lets_errors_out() -> None:
    with pytest.raises(EnoughError):
        await again(0.001, working(None, None))


async def test_a_query_that_survives_its_cancellation_is_the_last() -> None:
    """A cancelled query may come back as the error of a cancelled query."""
    turns, begun = 0, asyncio.Event()

    async def work() -> None:
        nonlocal turns
        turns += 1
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            raise psycopg.errors.QueryCanceled("canceling statement") from error

    with capture_logs() as logs:
        async with every(0.001, work, name="test", log=log(), trouble="no luck"):
            await begun.wait()
    assert (turns, logs) == (1, [])


async def test_work_that_swallows_its_cancellation_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_INSISTENCE", 0.01)
    swallowed, begun = 0, asyncio.Event()

    async def work() -> None:
        nonlocal swallowed
        begun.set()
        while swallowed < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1

    async with every(0.001, work, name="test", log=log(), trouble=""):
        await begun.wait()
    assert swallowed == 3


async def test_the_end_of_the_block_is_the_end_whatever_ends_it() -> None:
    """And the error of the block comes out as it is."""

    async def block() -> None:
        async with every(0.001, working(), name="only here", log=log(), trouble="", after=3600):
            await asyncio.sleep(0)
            assert "only here" in {task.get_name() for task in asyncio.all_tasks()}
            raise EnoughError

    with pytest.raises(EnoughError):
        await block()
    assert "only here" not in {task.get_name() for task in asyncio.all_tasks()}
