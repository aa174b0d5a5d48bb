"""memory._next_due: when a schedule is due, compared with the library cronsim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import call, refused, value

if TYPE_CHECKING:
    from psycopg import Connection


def next_due(db: Connection[Any], cron: str, after: datetime, zone: str = "UTC") -> datetime | None:
    found: datetime | None = value(db, "select memory._next_due(%s, %s, %s)", cron, after, zone)
    return found


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] < pair[1])
    spans = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 15)).map(
        "{0[0]}/{0[1]}".format
    )
    part = st.one_of(number.map(str), spans, steps)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(cron=CRONS, after=MOMENTS)
def test_a_schedule_is_due_when_the_library_says(
    db: Connection[Any], cron: str, after: datetime
) -> None:
    try:
        expected = next(CronSim(cron, after), None)
    except CronSimError:
        expected = None
    assert next_due(db, cron, after) == expected


AFTER = datetime(2026, 2, 27, 10, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "2026-02-27 10:31"),
        (" */5  *\t* * * ", "2026-02-27 10:35"),
        ("30 10 * * *", "2026-02-28 10:30"),
        ("0 0 29 feb *", "2028-02-29 00:00"),
        ("0 0 29 2 mon", "2026-03-02 00:00"),  # either day is enough, in February only
        ("15 14 1 * FRI", "2026-02-27 14:15"),
        ("0 0 $ * *", "2026-02-28 00:00"),
        ("0 12 * * 7", "2026-03-01 12:00"),
        ("0 12 * * 5-7", "2026-02-27 12:00"),
        ("@daily", "2026-02-28 00:00"),
        ("@hourly", "2026-02-27 11:00"),
        ("@weekly", "2026-03-01 00:00"),
        ("@monthly", "2026-03-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
        ("30 seconds", "2026-02-27 10:30:45"),
        ("1 second", "2026-02-27 10:30:16"),
        ("59 seconds", "2026-02-27 10:31:14"),
    ],
)
def test_schedules_by_hand(db: Connection[Any], cron: str, expected: str) -> None:
    wanted = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    if cron == "0 0 29 2 mon":
        wanted = datetime(2027, 2, 1, tzinfo=UTC)
    assert next_due(db, cron, AFTER) == wanted


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "5/10 * * * *",
        "a * * * *",
        ", * * * *",
        "0 0 30 2 *",
        "60 seconds",
        "0 seconds",
        "1.5 seconds",
        "seconds",
        "@reboot",
        "-1 * * * *",
    ],
)
def test_what_is_never_due_is_told_so(db: Connection[Any], cron: str) -> None:
    assert next_due(db, cron, AFTER) is None
    with refused(db, "ML422", "never due"):
        call(db, "set_job", name="expire", cron=cron)


# Changes of the clock: an hour on, an hour back, half an hour on and back, at midnight.
CHANGES = [
    ("Europe/Berlin", "2026-03-29 01:00"),
    ("Europe/Berlin", "2026-10-25 01:00"),
    ("America/New_York", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 06:00"),
    ("Australia/Lord_Howe", "2026-10-03 15:30"),
    ("Australia/Lord_Howe", "2026-04-04 15:00"),
    ("America/Havana", "2026-03-08 05:00"),
    ("America/Havana", "2026-11-01 05:00"),
    ("Asia/Beirut", "2026-03-28 22:00"),
    ("Asia/Beirut", "2026-10-24 21:00"),
]


# One due time after the other: the moment that was asked, what was due then, and what is due when
# one asks half a minute before it, if it is more than a minute later.
WALK = """
    with recursive walk as (
        select %(begin)s::timestamptz as moment,
            memory._next_due(%(cron)s, %(begin)s, %(zone)s) as due
        union all
        select w.due, memory._next_due(%(cron)s, w.due, %(zone)s) from walk as w
        where w.due > w.moment and w.due < %(end)s
    )
    select w.moment, w.due,
        case when w.due - w.moment > interval '1 minute'
            then memory._next_due(%(cron)s, w.due - interval '30 seconds', %(zone)s)
            else w.due end
    from walk as w where w.due < %(end)s
"""


def shown_minutes(cron: str, zone: str, around: datetime, reach: int) -> list[datetime]:
    """The minutes in which the clock on the wall shows a time of the schedule, as pg_cron looks."""
    minutes = [around + timedelta(minutes=minute) for minute in range(-reach, reach)]
    local = [minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for minute in minutes]
    wanted, due = set(), CronSim(cron, min(local) - timedelta(minutes=1))
    while (moment := next(due)) <= max(local):
        wanted.add(moment)
    return [minute for minute, wall in zip(minutes, local, strict=True) if wall in wanted]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/20 * * * *",
        "41 * * * *",
        "30 2 * * *",
        "15,45 0-2 * * *",
        "30 0 * * *",
        "30 23 * * *",
    ],
)
def test_a_schedule_is_due_as_pg_cron_runs_it_when_the_clock_changes(
    db: Connection[Any], cron: str, zone: str, change: str
) -> None:
    around = datetime.fromisoformat(change).replace(tzinfo=UTC)
    # one that is due each minute asks so often that half an hour beyond what it affects has to do
    reach = 90 if cron.startswith("* ") else 360
    expected = shown_minutes(cron, zone, around, reach)
    begin, end = around - timedelta(minutes=reach, seconds=1), around + timedelta(minutes=reach)
    walk = db.execute(WALK, {"cron": cron, "zone": zone, "begin": begin, "end": end}).fetchall()
    assert all(due > moment for moment, due, _ in walk)
    # between two times it is the later one, whenever one asks
    assert all(again == due for _, due, again in walk)
    assert [due for _, due, _ in walk] == expected


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # shown twice: in summer time and again in winter time
        ("* * * * *", "2026-10-25 00:30", ["2026-10-25 00:31"]),
        ("30 2 * * *", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-25 01:30"]),
        # never shown
        ("30 2 * * *", "2026-03-29 00:00", ["2026-03-30 00:30"]),
        ("*/30 * * * *", "2026-03-29 00:30", ["2026-03-29 01:00", "2026-03-29 01:30"]),
    ],
)
def test_changes_of_the_clock_by_hand(
    db: Connection[Any], cron: str, after: str, expected: list[str]
) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    for wanted in expected:
        moment = next_due(db, cron, moment, "Europe/Berlin")
        assert moment == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


def test_a_schedule_follows_its_time_zone(db: Connection[Any]) -> None:
    assert next_due(db, "0 3 * * *", AFTER, "Asia/Kathmandu") == datetime(
        2026, 2, 27, 21, 15, tzinfo=UTC
    )
    db.execute("set local timezone to 'Asia/Tokyo'")
    assert next_due(db, "0 3 * * *", AFTER) == datetime(2026, 2, 28, 3, tzinfo=UTC)
