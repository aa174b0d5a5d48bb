"""Evidence recall: does the search find the turns that answer a question?

Conversations are imported into a scratch database as `magray import --format locomo` does; each
question is asked in its conversation's namespace, and the answer's dialog ids are compared with the
question's evidence. In the same run: the search without a vector, the vectors alone, plain BM25.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import numpy as np

from jobs.bench.bm25 import K1, B, Bm25
from jobs.bench.evidence import metric_names, metrics, read_evidence
from jobs.statistics import Interval, mean_intervals
from jobs.transfer.store import store
from service.core.embedding.pending import embed_pending
from service.core.model.memories import NewMemory, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobs.statistics import Floats
    from jobs.transfer.item import Item
    from jobs.transfer.locomo import Conversation
    from service.core.embedding.cache import CachedEmbedder
    from service.core.embedding.port import Vectors
    from service.core.memory import Memory

# How far a ranking is read: enough for every cutoff people ask for, and for the MRR.
DEPTH = 100
FUSED, WORDS, BM25, VECTORS = "search", "words only", "BM25", "vectors"
METHODS = {
    FUSED: "memory.search with the question and its vector: what the service answers",
    WORDS: "memory.search with the question alone",
    VECTORS: "memory.search with the vector alone",
    BM25: f'plain BM25 (k1 {K1}, b {B}, Snowball, stop words) over "[date] Speaker: text"',
}
CATEGORIES = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
HEADLINE = "categories 1-4"
OVERALL = "all questions"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with usable evidence."""

    namespace: str
    question: str
    category: int
    evidence: frozenset[str]


@dataclass
class Questions:
    """The questions of a file, and what was wrong with the others.

    Attributes:
        without_evidence: questions left out because no evidence of theirs names a turn.
        mended: evidence ids read though spelled otherwise.
        dropped: evidence ids that name no turn.
    """

    asked: list[Asked] = field(default_factory=list)
    without_evidence: int = 0
    mended: int = 0
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Results for some of the questions.

    Attributes:
        name: which ones.
        questions: how many.
        results: for each method its metrics with intervals.
        gains: for each other method, what the search has more, paired by question.
    """

    name: str
    questions: int
    results: dict[str, dict[str, Interval]]
    gains: dict[str, dict[str, Interval]]


def collect_questions(conversations: Sequence[Conversation]) -> Questions:
    """All questions with evidence, their ids normalised."""
    found = Questions()
    for conversation in conversations:
        known = {turn.dia_id for turn in conversation.turns}
        for question in conversation.questions:
            evidence = read_evidence(question.evidence, known)
            found.mended += evidence.mended
            found.dropped += [f"{conversation.name} {one}" for one in evidence.dropped]
            if not evidence.turns or not question.question.strip():
                found.without_evidence += 1
                continue
            found.asked.append(
                Asked(
                    namespace=conversation.name,
                    question=question.question,
                    category=question.category,
                    evidence=evidence.turns,
                )
            )
    return found


async def fill(
    memory: Memory,
    embedder: CachedEmbedder | None,
    items: Sequence[Item],
    on_progress: Callable[[int], None],
) -> None:
    """Store and embed the conversations; `on_progress` gets the number of vectors made."""
    stored = await store(memory, items, batch=200)
    if embedder is not None:
        _, away = await embed_pending(
            memory, embedder, stored.waiting, batch=32, on_progress=on_progress
        )
        if away is not None:
            raise away


async def ask(
    memory: Memory,
    embedder: CachedEmbedder | None,
    asked: Sequence[Asked],
    on_progress: Callable[[int], None],
) -> dict[str, list[list[str]]]:
    """For each method the ranking of every question, as dialog ids."""
    rankings: dict[str, list[list[str]]] = {WORDS: []}
    if embedder is not None:
        rankings = {FUSED: [], WORDS: [], VECTORS: []}
    for one in asked:
        vector = (
            None
            if embedder is None
            else await anyio.to_thread.run_sync(embedder.embed_query, one.question)
        )
        for method, ranking in rankings.items():
            ranking.append(
                await _search(
                    memory,
                    one.namespace,
                    None if method == VECTORS else one.question,
                    None if method == WORDS else vector,
                )
            )
        on_progress(1)
    return rankings


async def _search(
    memory: Memory, namespace: str, question: str | None, vector: Vectors | None
) -> list[str]:
    request = SearchRequest(namespace=namespace, query=question, top_k=DEPTH)
    hits, _ = await memory.search(request, vector)
    return [hit.metadata["dia_id"] for hit in hits]


def ask_bm25(items: Sequence[Item], asked: Sequence[Asked]) -> list[list[str]]:
    """The ranking of every question by BM25 over "[date] Speaker: text", as dialog ids."""
    rankings: list[list[str]] = [[] for _ in asked]
    for namespace in dict.fromkeys(one.namespace for one in asked):
        memories = [item.memory for item in items if item.memory.namespace == namespace]
        places = [place for place, one in enumerate(asked) if one.namespace == namespace]
        index = Bm25([_document(memory) for memory in memories])
        found = index.rank([asked[place].question for place in places], DEPTH)
        for place, row in zip(places, found, strict=True):
            rankings[place] = [memories[one].metadata["dia_id"] for one in row]
    return rankings


def _document(memory: NewMemory) -> str:
    date, speaker = memory.metadata.get("date"), memory.metadata["speaker"]
    return f"{f'[{date}] ' if date else ''}{speaker}: {memory.content}"


def evaluate(
    asked: Sequence[Asked], rankings: dict[str, list[list[str]]], cutoffs: Sequence[int]
) -> list[Group]:
    """Metrics of each method for the headline, everything, and each category."""
    values = {
        method: np.asarray(
            [metrics(row, one.evidence, cutoffs) for row, one in zip(ranking, asked, strict=True)]
        )
        for method, ranking in rankings.items()
    }
    categories = np.asarray([one.category for one in asked])
    return [
        _group(name, {method: rows[chosen] for method, rows in values.items()}, cutoffs)
        for name, chosen in _groups(categories)
        if chosen.any()
    ]


def _groups(categories: np.ndarray[Any, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    yield HEADLINE, (categories >= 1) & (categories <= 4)
    for category in sorted(set(categories.tolist())):
        label = CATEGORIES.get(category)
        yield f"{category} {label}" if label else f"{category}", categories == category
    yield OVERALL, np.ones(len(categories), dtype=bool)


def _group(name: str, values: dict[str, Floats], cutoffs: Sequence[int]) -> Group:
    names = metric_names(cutoffs)

    def intervals(rows: Floats) -> dict[str, Interval]:
        return dict(zip(names, mean_intervals(rows), strict=True))

    best = values.get(FUSED)
    others = {method: rows for method, rows in values.items() if method != FUSED}
    return Group(
        name=name,
        questions=len(next(iter(values.values()))),
        results={method: intervals(rows) for method, rows in values.items()},
        gains={}
        if best is None
        else {method: intervals(best - rows) for method, rows in others.items()},
    )
