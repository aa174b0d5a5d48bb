"""The ML score: one logistic over relevance, recency, frequency and importance.

Fitted on the same outcome as relevance, with both outcomes weighing the same: a score of 0.5 is a
record like any other, whatever share of all records is used again, so that thresholds such as 0.7
and 0.9 keep their meaning. No weight is below 0, or a memory could lose score by being used or
rated higher. What the outcome says nothing about keeps its weight of the fixed weighting: the
penalty pulls towards it, not towards 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

if TYPE_CHECKING:
    import numpy.typing as npt

    from jobs.statistics import Floats

NAMES = ("relevance", "recency", "frequency", "importance")
# The fixed weighting as slopes: times 4, it rises through 0.5 as a logistic does.
_PRIOR = 4.0 * np.array([0.4, 0.2, 0.2, 0.2])
_PENALTY = 1e-3


def _stack(relevance: Floats, parts: Floats) -> Floats:
    return np.column_stack([relevance, parts])


def fit_combination(
    relevance: Floats, parts: Floats, label: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Intercept and weights, as memory_data.model.combination keeps them.

    Args:
        relevance: calibrated probabilities, float [n].
        parts: recency, frequency, importance, float [n, 3].
        label: used again; both outcomes must occur.
    """
    x = _stack(relevance, parts)
    sign = np.where(label, 1.0, -1.0)
    weight = np.where(label, 0.5 / label.sum(), 0.5 / (~label).sum())

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = sign * (theta[0] + x @ theta[1:])
        slope = -weight * sign * expit(-margin)
        apart = theta[1:] - _PRIOR
        value = weight @ np.logaddexp(0, -margin) + _PENALTY * apart @ apart
        gradient = np.concatenate([[slope.sum()], slope @ x + 2 * _PENALTY * apart])
        return float(value), gradient

    start = np.concatenate([[-2.0], _PRIOR])
    bounds = [(None, None), *[(0.0, None)] * len(NAMES)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return dict(zip(("intercept", *NAMES), map(float, found.x), strict=True))


def combine(combination: dict[str, float], relevance: Floats, parts: Floats) -> Floats:
    """The ML score of each record, 0..1: as memory._promotion_scores while the model is active."""
    weights = np.array([combination[name] for name in NAMES])
    score: Floats = expit(combination["intercept"] + _stack(relevance, parts) @ weights)
    return score
