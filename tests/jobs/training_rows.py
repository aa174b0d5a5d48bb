"""Rows to learn from, made up: their outcome hangs on one feature, or on none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from service.core.memory import Rows

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HORIZON = timedelta(hours=6)
DAYS = 8
COLUMNS = [
    "namespace",
    "id",
    "at",
    "layer",
    "kind",
    "horizon_seconds",
    "label",
    "recency",
    "frequency",
    "importance",
    "fixed_weighting",
    "signal",
    "noise",
    "sometimes",
    "constant",
    "unknown",
]


def made_rows(*, learnable: bool, count: int = 3000, seed: int = 0) -> Rows:
    """Rows whose outcome hangs on `signal` alone, or on nothing; the parts say little."""
    random = np.random.default_rng(seed)
    values = []
    for n in range(count):
        signal, part = random.random(), random.random()
        label = random.random() < (0.1 + 0.8 * (signal > 0.6) if learnable else 0.4)
        at = NOW - HORIZON - timedelta(days=DAYS * random.random())
        values.append(
            (
                "n",
                UUID(int=n % (count // 3)),
                at,
                "insights",
                ("pattern", "solution")[n % 2],
                HORIZON.total_seconds(),
                bool(label),
                part,
                part,
                0.5,
                part,
                signal,
                random.random(),
                random.random() if n % 3 else None,
                1.0,
                None,
            )
        )
    return Rows(COLUMNS, values)
