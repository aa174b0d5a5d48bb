"""What a ranking is worth: evidence recall, and the reading of LoCoMo's evidence ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_ID = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True)
class Evidence:
    """Evidence ids of a question.

    Attributes:
        turns: those that name a turn of the conversation.
        mended: how many were spelled otherwise than the turn they name.
        dropped: how many name no turn, as they stand in the file.
    """

    turns: frozenset[str]
    mended: int
    dropped: tuple[str, ...]


def read_evidence(found: list[Any] | str | None, known: Collection[str]) -> Evidence:
    """Split on `;`, `,` and blanks, normalise, drop what names no turn of `known`."""
    entries = [found] if isinstance(found, str) else found or []
    turns: set[str] = set()
    mended = 0
    dropped: list[str] = []
    for entry in entries:
        for part in re.split(r"[;,\s]+", str(entry)):
            if not part:
                continue
            match = _ID.fullmatch(part)
            turn = f"D{int(match[1])}:{int(match[2])}" if match else part
            if part in known:
                turn = part
            if turn in known:
                turns.add(turn)
                mended += turn != str(entry)
            else:
                dropped.append(part)
    return Evidence(frozenset(turns), mended, tuple(dropped))


def metric_names(cutoffs: Sequence[int]) -> list[str]:
    """The names of `metrics`, in its order."""
    return [f"{name}@{k}" for name in ("R", "any", "all") for k in cutoffs] + ["MRR"]


def metrics(
    ranking: Sequence[str], evidence: frozenset[str], cutoffs: Sequence[int]
) -> list[float]:
    """Each metric of one question, 0..1.

    R@k: share of the evidence among the first k; any@k: at least one of it; all@k: all of it;
    MRR: 1 / place of the first evidence in the whole ranking, 0 when it is not there.
    """
    first = next((place for place, turn in enumerate(ranking, 1) if turn in evidence), None)
    shares = [len(evidence.intersection(ranking[:k])) / len(evidence) for k in cutoffs]
    return [
        *shares,
        *(float(share > 0) for share in shares),
        *(float(share == 1) for share in shares),
        1 / first if first else 0.0,
    ]
