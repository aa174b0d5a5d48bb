"""What every provider does to a text before and to a vector after its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from service.core.errors import EmbeddingError

if TYPE_CHECKING:
    import numpy.typing as npt

    from service.core.embedding.port import Vectors

# A model that reads a whole text in windows (e5), or a server that refuses what exceeds its
# context, sees at most this many characters: about four windows of 512 tokens of English, and
# below the 8,192 tokens of OpenAI's models in nearly every script. The rest of a longer memory
# is found by its words.
MAX_CHARS = 8_000


def clean_text(text: str, max_chars: int = MAX_CHARS) -> str:
    """The text a model may see: no NUL (C strings end there), no lone surrogate, not endless."""
    text = text[:max_chars].replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8")


def checked(rows: Any, count: int, dim: int) -> Vectors:
    """The rows, if they are what was asked for: finite, not zero, ``[count, dim]``.

    Raises:
        EmbeddingError: they are not; says what they are.
    """
    matrix = np.asarray(rows, np.float32)
    if matrix.shape != (count, dim):
        raise EmbeddingError(
            f"{count} texts of {dim} numbers were asked for, {list(matrix.shape)} came back.",
            hint="magray check",
        )
    if not (np.isfinite(matrix).all() and matrix.any(axis=1).all()):
        raise EmbeddingError("The model gave a vector without a direction.", hint="magray check")
    return matrix


def unit_rows(rows: npt.NDArray[Any], model_id: str) -> Vectors:
    """The rows scaled to length 1 as contiguous float32, ``[n, dim]``.

    Raises:
        EmbeddingError: a row is not finite or is zero, which has no direction.
    """
    matrix = np.ascontiguousarray(rows, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-12))
    if bad.size:
        raise EmbeddingError(
            f"The model {model_id} gave a vector without a direction.",
            detail=f"Row {int(bad[0])} of {len(matrix)} is zero or not finite.",
            hint="check the model with another text; a broken model file is the usual cause",
        )
    return np.asarray(matrix / lengths[:, None], dtype=np.float32)
