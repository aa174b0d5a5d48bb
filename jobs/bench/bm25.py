"""Plain BM25 over a list of texts: the baseline the search has to beat."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Sequence

# PostgreSQL's stop words of English (share/tsearch_data/english.stop), so that both sides leave out
# the same words; Snowball's English stemmer is PostgreSQL's too.
STOP_WORDS = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she
her hers herself it its itself they them their theirs themselves what which who whom this that
these those am is are was were be been being have has had having do does did doing a an the and
but if or because as until while of at by for with about against between into through during
before after above below to from up down in out on off over under again further then once here
there when where why how all any both each few more most other some such no nor not only own
same so than too very s t can will just don should now
""".split()  # noqa: SIM905 - one word a line is 127 lines
# k1 and b as Lucene and most of the literature have them.
K1, B = 1.2, 0.75


class Bm25:
    """An index over texts.

    Args:
        texts: at least one.

    Raises:
        PlatformError: the packages of the extra `bench` are not installed.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        try:
            import bm25s  # type: ignore[import-untyped,import-not-found,unused-ignore]
            import Stemmer  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise PlatformError(
                "the baseline BM25 is not installed",
                detail=str(error),
                hint="pip install 'magray-memory[bench]'",
            ) from error
        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets debug when imported
        self._size = len(texts)
        self._tokenize: Any = lambda some: bm25s.tokenize(
            list(some),
            stopwords=STOP_WORDS,
            stemmer=Stemmer.Stemmer("english"),
            show_progress=False,
        )
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._index.index(self._tokenize(texts), show_progress=False)

    def rank(self, questions: Sequence[str], depth: int) -> list[list[int]]:
        """For each question the places of the texts that share a word with it, best first."""
        depth = min(depth, self._size)
        places, scores = self._index.retrieve(
            self._tokenize(questions), k=depth, show_progress=False
        )
        return [
            [int(place) for place, score in zip(row, values, strict=True) if score > 0]
            for row, values in zip(places, scores, strict=True)
        ]
