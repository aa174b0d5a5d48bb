"""`magray simulate` and `magray bench evict`: small traces through the real functions."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jobs.simulate.rivals import has_libcachesim, policy_names, run_policy
from jobs.simulate.trace import read_trace
from service.core.errors import FileError
from tests.jobs.commands import magray, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess


def trace_file(folder: Path, requests: list[tuple[float, int, int]], name: str = "t") -> Path:
    path = folder / f"{name}.csv.gz"
    text = "time,obj_id,size\n" + "".join(f"{at},{one},{size}\n" for at, one, size in requests)
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.fixture(scope="module")
def url(clone: Callable[[], str]) -> str:
    """One database for all: every replay makes another of its own beside it, and drops it."""
    return clone()


def often_and_once(count: int) -> list[tuple[float, int, int]]:
    """Ten objects asked for again and again among many that are asked for once."""
    random = np.random.default_rng(1)
    return [
        (place, int(random.integers(10)) if place % 3 else 100 + place, 1) for place in range(count)
    ]


def test_a_trace_is_read(tmp_path: Path) -> None:
    path = trace_file(tmp_path, [(5, 70, 3), (6, 9, 4), (8.5, 70, 8)])
    trace = read_trace(str(path), pace=2)
    assert trace.times.tolist() == [0, 2, 7]
    assert trace.objects.tolist() == [1, 0, 1]
    assert trace.sizes.tolist() == [3, 4, 8]
    assert trace.bytes == 7
    assert len(read_trace(str(path), requests=2).objects) == 2


@pytest.mark.parametrize(
    "ids",
    [
        [str(2**60 + place) for place in range(300)],
        [str(2**64 - 1 - place) for place in range(300)],
        [str(2**64 + place) for place in range(300)],
        [str(place - 150) for place in range(300)],
        [f"page/{place}" for place in range(300)],
        ["1", "1.0", "1e0", "one"],
    ],
)
def test_no_two_objects_are_merged(tmp_path: Path, ids: list[str]) -> None:
    """As floating point numbers, ids near 2^60 are the same in groups of 256."""
    path = tmp_path / "t.csv"
    path.write_text("time,obj_id,size\n" + "".join(f"0,{one},1\n" for one in [*ids, *ids]))
    trace = read_trace(str(path))
    numbers = trace.objects.tolist()
    assert sorted(numbers[: len(ids)]) == list(range(len(ids)))
    assert numbers[len(ids) :] == numbers[: len(ids)]
    assert trace.bytes == len(ids)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a,b\n1,2\n", "no access trace"),
        ("time,obj_id,size\n", "holds no request"),
        ("time,obj_id,size\nx,1,1\n", "no request"),
        ("time,obj_id,size\n1,1\n", "no request"),
        ("time,obj_id,size\n1,1,1\n1, ,1\n", "without an id"),
        ("time,obj_id,size\n2,1,1\n1,1,1\n", "backwards"),
        ("time,obj_id,size\n1,1,1\nnan,1,1\n", "not finite"),
        ("time,obj_id,size\n1,1,1\ninf,1,1\n", "not finite"),
        ("time,obj_id,size\n-1e308,1,1\n1e308,1,1\n", "100 years"),
        ("time,obj_id,size\n1,1,0\n", "sizes"),
        ("time,obj_id,size\n1,1,1.5\n", "sizes"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=word):
        read_trace(str(path))


def test_policies_agree_with_what_is_known(tmp_path: Path) -> None:
    """A loop one longer than the budget: LRU misses everything."""
    path = trace_file(tmp_path, [(place, place % 11, 1) for place in range(110)])
    trace = read_trace(str(path))
    told = []
    assert run_policy("LRU", trace, 10, told.append).objects == 1
    assert sum(told) == 110
    assert run_policy("LRU", trace, 11, told.append).objects == pytest.approx(0.1)
    assert run_policy("LFU", trace, 11, told.append).bytes == pytest.approx(0.1)


def test_other_policies_need_libcachesim(tmp_path: Path) -> None:
    assert policy_names(99) == ["LRU", "LFU"]
    if not has_libcachesim():
        assert policy_names(1000) == ["LRU", "LFU"]
        pytest.skip("libcachesim is not installed")
    trace = read_trace(str(trace_file(tmp_path, often_and_once(600))))
    assert len(policy_names(100)) == 11
    for name in policy_names(100):
        assert 0.3 < run_policy(name, trace, 100, lambda _: None).objects < 0.5, name


def test_the_lifecycle_is_replayed(url: str, tmp_path: Path) -> None:
    # a hundred requests a day, a minute apart: the jobs of a day without requests are few
    requests = [(at % 100 + at // 100 * 1440, one, size) for at, one, size in often_and_once(300)]
    path = trace_file(tmp_path, requests)
    more = ("simulate", "--trace", path, "--pace", "60", "--json")
    told: dict[str, list[Any]] = {}
    for row in rows(magray(url, *more)):
        told.setdefault(row.pop("group"), []).append(row)
    days = told["by day"]
    assert [day["day"] for day in days] == [1, 2, 3]
    assert sum(day["requests"] for day in days) == 300
    assert all(day["evicted"] > 0 for day in days)
    assert sum(day["hits"] + day["stored"] for day in days) == 300
    by_policy = {row["policy"]: row for row in told["at the same bytes"]}
    assert {"the lifecycle", "memory.evict", "LRU", "LFU"} <= set(by_policy)
    layers = told["accesses by layer"]
    assert [row["layer"] for row in layers] == ["interact", "insights", "assets", "missed"]
    assert sum(row["accesses"] for row in layers) == 300
    assert all(row["share"] == pytest.approx(row["accesses"] / 300, abs=1e-4) for row in layers)
    assert by_policy["the lifecycle"]["objects_missed"] == layers[-1]["share"] > 0.3


def test_eviction_beats_lru_where_much_is_asked_for_once(url: str, tmp_path: Path) -> None:
    trace_file(tmp_path, often_and_once(300), "often")
    arguments = ("bench", "evict", "--traces", tmp_path, "--budget", "0.1", "--json")
    first, second = (rows(magray(url, *arguments)) for _ in range(2))
    assert first == second
    missed = {row["policy"]: row["objects_missed"] for row in first}
    assert missed["memory.evict"] < missed["LRU"]
    assert {row["trace"] for row in first} == {"often"}


def test_people_read_tables(url: str, tmp_path: Path) -> None:
    done = magray(url, "bench", "evict", "--traces", tmp_path, "--budget", "5%")
    assert done.returncode == 0, done.stderr
    trace_file(tmp_path, often_and_once(300))
    done = magray(url, "simulate", "--trace", tmp_path / "t.csv.gz", "--requests", "50")
    assert done.returncode == 0, done.stderr
    for word in (
        "50 requests for",
        "by day",
        "accesses by layer",
        "missed",
        "at the same bytes",
        "memory.evict",
    ):
        assert word in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("budget", ["0", "101%", "much", "-1"])
def test_a_budget_is_a_share(url: str, tmp_path: Path, budget: str) -> None:
    path = trace_file(tmp_path, [(0, 1, 1)])
    done = magray(url, "simulate", "--trace", path, "--budget", budget)
    assert done.returncode == 2
    assert "10%" in done.stderr


def test_a_missing_file_is_a_sentence(url: str, tmp_path: Path) -> None:
    done = magray(url, "simulate", "--trace", tmp_path / "none.csv.gz")
    assert done.returncode == 65
    assert "none.csv.gz" in done.stderr


def test_microseconds_need_a_pace(url: str, tmp_path: Path) -> None:
    """Read as seconds they end beyond the year 9999."""
    path = trace_file(tmp_path, [(place * 1e10, place, 1) for place in range(100)])
    done = magray(url, "simulate", "--trace", path)
    assert done.returncode == 65
    assert "100 years" in done.stderr
    assert "--pace" in done.stderr
    assert "Traceback" not in done.stderr
    assert read_trace(str(path), pace=1e-6).times[-1] == pytest.approx(99e4)
    with pytest.raises(FileError, match=r"0\.01 seconds a unit"):
        read_trace(str(path), pace=0.01)


def told_by(done: CompletedProcess[str], group: str) -> list[dict[str, Any]]:
    """The rows of one group of what `magray simulate --json` printed."""
    return [row for row in rows(done) if row["group"] == group]


@pytest.mark.parametrize(
    ("spacing", "pause"), [(60, 3 * 86_400), (86_400, 0), (3600, 200 * 86_400)]
)
def test_pauses_are_passed(url: str, tmp_path: Path, spacing: int, pause: int) -> None:
    """Partitions lie a few days ahead, and a pause is longer; everything stored expires in it."""
    count = 20 if spacing > 60 else 100
    path = trace_file(
        tmp_path,
        [(place * spacing + pause * (place > count // 2), place, 1) for place in range(count)],
    )
    done = magray(url, "simulate", "--trace", path, "--budget", "50%", "--json")
    days = told_by(done, "by day")
    assert sum(day["requests"] for day in days) == count
    gone = sum(day["expired"] + day["evicted"] for day in days)
    left = sum(day["stored"] for day in days) - gone
    assert 0 <= left <= count / 2


def test_what_was_used_before_a_pause_is_promoted_in_it(url: str, tmp_path: Path) -> None:
    """It may move once its uses span more than 12 hours, and would expire after 24."""
    uses = [hours * 3600 for hours in (0, 2, 4, 6, 8, 10, 12.1)]
    path = trace_file(tmp_path, [(at, one, 1) for at in [*uses, 42 * 3600] for one in range(10)])
    done = magray(url, "simulate", "--trace", path, "--budget", "100%", "--json")
    days = told_by(done, "by day")
    assert sum(day["promoted"] for day in days) == 10
    assert (days[-1]["requests"], days[-1]["hits"]) == (10, 10)


def test_uses_within_a_life_are_hits_however_sparse(url: str, tmp_path: Path) -> None:
    """Asked for again after 22 of 24 hours, two hours apart; by its size, two would be a batch."""
    hours = [(4 * place + again, place) for place in range(20) for again in (0, 22)]
    once = [(0, 100 + place, 1) for place in range(108)]
    path = trace_file(tmp_path, once + [(at * 3600, one, 1) for at, one in sorted(hours)])
    done = magray(url, "simulate", "--trace", path, "--budget", "100%", "--json")
    missed = {row["policy"]: row["objects_missed"] for row in told_by(done, "at the same bytes")}
    first = pytest.approx(128 / 148, abs=1e-4)
    assert (missed["LRU"], missed["memory.evict"], missed["the lifecycle"]) == (first, first, first)
