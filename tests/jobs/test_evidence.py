"""Evidence recall against examples worked out by hand, and the statistics around it."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.bench.bm25 import STOP_WORDS, Bm25
from jobs.bench.evidence import metric_names, metrics, read_evidence
from jobs.bench.recall import (
    BM25,
    FUSED,
    HEADLINE,
    OVERALL,
    Asked,
    collect_questions,
    evaluate,
)
from jobs.statistics import mean_intervals, median_interval, ratio_of_medians, timed
from jobs.transfer.locomo import Conversation, Question, Turn

KNOWN = {"D8:6", "D9:17", "D11:26", "D30:5", "D1:1"}


@pytest.mark.parametrize(
    ("found", "turns", "mended", "dropped"),
    [
        (["D1:1"], {"D1:1"}, 0, ()),
        (["D1:1", "D1:1"], {"D1:1"}, 0, ()),
        (["D8:6; D9:17"], {"D8:6", "D9:17"}, 2, ()),
        (["D8:6,D9:17 D1:1"], {"D8:6", "D9:17", "D1:1"}, 3, ()),
        (["D:11:26"], {"D11:26"}, 1, ()),
        (["D30:05"], {"D30:5"}, 1, ()),
        (["D", "D10:19", "D1:1"], {"D1:1"}, 0, ("D", "D10:19")),
        ("D1:1", {"D1:1"}, 0, ()),
        ([], set(), 0, ()),
        (None, set(), 0, ()),
        ([""], set(), 0, ()),
        ([7], set(), 0, ("7",)),
    ],
)
def test_evidence_is_read_however_it_is_spelled(
    found: list[object] | str | None, turns: set[str], mended: int, dropped: tuple[str, ...]
) -> None:
    evidence = read_evidence(found, KNOWN)
    assert (set(evidence.turns), evidence.mended, evidence.dropped) == (turns, mended, dropped)


def test_ids_of_another_spelling_throughout_are_taken_as_they_are() -> None:
    assert read_evidence(["t-01"], {"t-01"}).turns == {"t-01"}


def test_metrics_by_hand() -> None:
    ranking = ["x", "b", "y", "a", "z"]
    names = metric_names([1, 2, 4, 10])
    values = dict(zip(names, metrics(ranking, frozenset("abc"), [1, 2, 4, 10]), strict=True))
    third, two_thirds = pytest.approx(1 / 3), pytest.approx(2 / 3)
    assert values == {
        "R@1": 0,
        "R@2": third,
        "R@4": two_thirds,
        "R@10": two_thirds,
        "any@1": 0,
        "any@2": 1,
        "any@4": 1,
        "any@10": 1,
        "all@1": 0,
        "all@2": 0,
        "all@4": 0,
        "all@10": 0,
        "MRR": 0.5,
    }
    assert metrics(ranking, frozenset("ab"), [4]) == [1, 1, 1, 0.5]
    assert metrics(ranking, frozenset("q"), [4]) == [0, 0, 0, 0]
    assert metrics([], frozenset("q"), [4]) == [0, 0, 0, 0]


def test_questions_without_evidence_are_counted_not_asked() -> None:
    turn = Turn(
        session=1,
        dia_id="D1:1",
        speaker="A",
        text="x",
        date=None,
        said_at=None,
        caption=None,
        query=None,
    )
    questions = [
        Question(question="good", evidence=["D1:1"], category=4),
        Question(question="mended", evidence=["D:1:01"], category=1),
        Question(question="none", evidence=[], category=1),
        Question(question="lost", evidence=["D5:5"], category=1),
        Question(question=" ", evidence=["D1:1"], category=1),
    ]
    found = collect_questions([Conversation(name="c", turns=[turn], questions=questions)])
    assert [one.question for one in found.asked] == ["good", "mended"]
    assert (found.without_evidence, found.mended, found.dropped) == (3, 1, ["c D5:5"])


def test_groups_hold_the_questions_of_their_categories() -> None:
    asked = [
        Asked(namespace="c", question="q", category=category, evidence=frozenset("a"))
        for category in (1, 4, 5, 5)
    ]
    rankings = {FUSED: [["a"], ["x", "a"], ["a"], []], BM25: [["a"], [], [], []]}
    groups = {group.name: group for group in evaluate(asked, rankings, [1, 2])}
    assert {name: group.questions for name, group in groups.items()} == {
        HEADLINE: 2,
        "1 multi-hop": 1,
        "4 single-hop": 1,
        "5 adversarial": 2,
        OVERALL: 4,
    }
    assert groups[HEADLINE].results[FUSED]["R@1"].value == 0.5
    assert groups[HEADLINE].results[FUSED]["MRR"].value == 0.75
    assert groups[HEADLINE].gains[BM25]["R@2"].value == 0.5
    assert groups["5 adversarial"].results[FUSED]["any@1"].value == 0.5
    assert groups[OVERALL].results[BM25]["any@2"].value == 0.25
    assert list(groups) == [HEADLINE, "1 multi-hop", "4 single-hop", "5 adversarial", OVERALL]


def test_intervals_hold_the_mean_and_repeat_exactly() -> None:
    values = np.column_stack([np.arange(100.0) % 2, np.ones(100)]).astype(np.float64)
    half, one = mean_intervals(values)
    assert half.value == 0.5
    # 1.96 standard errors of 100 coin flips, and some play of the resampling
    assert half.low == pytest.approx(0.5 - 0.098, abs=0.015)
    assert half.high == pytest.approx(0.5 + 0.098, abs=0.015)
    assert (one.value, one.low, one.high) == pytest.approx((1, 1, 1))
    assert mean_intervals(values) == [half, one]


def test_ratios_of_medians() -> None:
    slow, fast = np.linspace(19, 21, 200), np.linspace(9, 11, 200)
    ratio = ratio_of_medians(slow, fast)
    assert ratio.value == pytest.approx(2)
    assert ratio.low < 2 < ratio.high
    assert ratio.high - ratio.low < 0.2
    median = median_interval(slow)
    assert median.value == pytest.approx(20)
    assert median.low < 20 < median.high


@pytest.mark.anyio
async def test_the_warm_up_is_not_timed() -> None:
    calls: list[int] = []

    async def call(place: int) -> None:
        calls.append(place)

    samples = await timed(call, times=4, warmup=2)
    assert calls == [2, 3, 0, 1, 2, 3]
    assert len(samples) == 4
    assert (samples >= 0).all()


def test_bm25_finds_other_forms_and_leaves_out_what_shares_no_word() -> None:
    index = Bm25(["Ann: The dogs were running.", "Bob: A cat sleeps.", "Ann: The dog, a dog!"])
    ranked = index.rank(["Did a dog run?", "what is the", "unheard"], 10)
    assert ranked == [[0, 2], [], []]
    assert len(STOP_WORDS) == len(set(STOP_WORDS)) == 127
