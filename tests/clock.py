"""The now of the tests: the machine's, or the moment before a date changes that `--now` names.

`make test-edges` runs the tests of time at each of them. The clock of this process is moved, and
every test begins at that moment; the clock of PostgreSQL is not, so `tests.sql.calls.call` hands
the moved one over as p_now where a test leaves it out. What goes by PostgreSQL's clock all the same
(a job's command, the view `memory.jobs`) has the mark `own_clock` and is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = timedelta(days=1)
# Which days end how; the next such day is taken, so that nothing is in PostgreSQL's past.
_ENDS = {
    "day": lambda day: day.day < 28,
    "month": lambda day: (day + _DAY).day == 1 and day.month not in {2, 12},
    "year": lambda day: (day.month, day.day) == (12, 31),
    "february": lambda day: day.month == 2 and (day + _DAY).day == 1 and day.day == 28,
    "leap": lambda day: (day.month, day.day) == (2, 29),
}

moved_to: datetime | None = None


def moment(named: str) -> datetime:
    """Two seconds before the end of such a day, or the instant itself in ISO 8601."""
    if named not in _ENDS:
        return datetime.fromisoformat(named).astimezone(UTC)
    day = datetime.now(UTC).replace(hour=23, minute=59, second=58, microsecond=0)
    while not _ENDS[named](day):
        day += _DAY
    return day


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--now", help=f"move the clock of the tests: {', '.join(_ENDS)}, or an instant"
    )


def pytest_configure(config: pytest.Config) -> None:
    global moved_to
    if named := config.getoption("--now"):
        import time_machine

        moved_to = moment(named)
        # stands still for what is made once for many tests, and for their constants
        stopped = time_machine.travel(moved_to, tick=False)
        stopped.start()
        config.add_cleanup(stopped.stop)


def pytest_report_header() -> str | None:
    return f"now: {moved_to}" if moved_to else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if moved_to and item.get_closest_marker("own_clock"):
        pytest.skip("goes by PostgreSQL's clock")


@pytest.fixture(autouse=True)
def _begins_now() -> Iterator[None]:
    """Each test begins at the moment, and time goes on in it."""
    if moved_to is None:
        yield
        return
    import time_machine

    with time_machine.travel(moved_to, tick=True):
        yield
