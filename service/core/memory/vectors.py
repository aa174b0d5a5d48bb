"""Vectors on their way to PostgreSQL: 32-bit floats in Python, 16-bit ones in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgvector import HalfVector

# NumPy is imported where a vector is made: most commands start without it.
if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def to_vector(numbers: list[float]) -> NDArray[np.float32]:
    """A caller's vector; what is too large for it becomes infinite, which PostgreSQL refuses."""
    import numpy as np

    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(numbers, dtype=np.float32)


def to_halfvectors(
    vectors: Sequence[NDArray[np.float32] | None],
) -> list[HalfVector | None] | None:
    """One half vector each, None for those without; None when nothing has one."""
    if all(vector is None for vector in vectors):
        return None
    return [None if vector is None else to_halfvector(vector) for vector in vectors]


def to_halfvector(vector: NDArray[np.float32]) -> HalfVector:
    """A vector as it is stored."""
    import numpy as np

    # What is too large for 16 bits becomes infinite, which PostgreSQL refuses with a clear error.
    with np.errstate(over="ignore", under="ignore"):
        return HalfVector(vector)
