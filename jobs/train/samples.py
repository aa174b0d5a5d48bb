"""Training and scoring rows as arrays, and their split by time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from service.core.errors import NothingToLearnError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.statistics import Floats
    from service.core.memory import Rows

PARTS = ("recency", "frequency", "importance")
FIXED = "fixed_weighting"
_KIND = "kind="
# What a row says beside its features. Recency and frequency are features too: a model that knows
# what the fixed weighting knows starts from it.
_ABOUT = frozenset(
    {
        "namespace",
        "id",
        "at",
        "layer",
        "kind",
        "horizon_seconds",
        "label",
        "importance",
        FIXED,
    }
)
# Shares of the time: to fit, to calibrate and choose, the rest to evaluate.
_FIT, _CALIBRATE = 0.6, 0.8
# Fewer of either outcome in a slice and its figures mean nothing.
LEAST = 20


@dataclass(frozen=True)
class Samples:
    """Records at moments, column by column.

    Attributes:
        record: a number for each record, the same at all its moments.
        at: seconds since 1970.
        horizon: seconds.
        layer: names.
        kind: names.
        label: used again within the horizon.
        parts: recency, frequency, importance: float [n, 3].
        fixed: the ML score of the fixed weighting.
        numbers: feature -> its values; NaN where it is not known.
    """

    record: npt.NDArray[np.int64]
    at: Floats
    horizon: Floats
    layer: npt.NDArray[np.str_]
    kind: npt.NDArray[np.str_]
    label: npt.NDArray[np.bool_]
    parts: Floats
    fixed: Floats
    numbers: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, chosen: npt.NDArray[Any]) -> Samples:
        """The samples of these places, or where a mask is true."""
        picked = {
            field.name: getattr(self, field.name)[chosen]
            for field in fields(self)
            if field.name != "numbers"
        }
        numbers = {name: values[chosen] for name, values in self.numbers.items()}
        return Samples(**picked, numbers=numbers)

    def matrix(self, features: Sequence[str]) -> Floats:
        """The features as a model takes them, in this order: float [n, len(features)].

        `kind=NAME` is 1 for records of that kind; a kind unknown to the model is 0 everywhere.
        """
        columns = [
            (self.kind == name.removeprefix(_KIND)).astype(np.float64)
            if name.startswith(_KIND)
            else self.numbers[name]
            for name in features
        ]
        return np.column_stack(columns) if columns else np.empty((len(self), 0))


def read_samples(rows: Rows) -> Samples:
    """Rows of memory.training_rows or scoring_rows; a label not known is False."""
    by_name = dict(zip(rows.columns, zip(*rows.values, strict=True), strict=False))
    if not rows.values:
        by_name = dict.fromkeys(rows.columns, ())

    def numbers(name: str) -> Floats:
        return np.array(by_name[name], dtype=np.float64)

    names = [name for name in rows.columns if name not in _ABOUT]
    keys = list(zip(by_name["namespace"], by_name["id"], strict=True))
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return Samples(
        record=np.array([places[key] for key in keys], dtype=np.int64),
        at=np.array([moment.timestamp() for moment in by_name["at"]], dtype=np.float64),
        horizon=numbers("horizon_seconds"),
        layer=np.array(by_name["layer"], dtype=np.str_),
        kind=np.array(by_name["kind"], dtype=np.str_),
        label=np.array([bool(one) for one in by_name["label"]], dtype=np.bool_),
        parts=np.column_stack([numbers(name) for name in PARTS]),
        fixed=numbers(FIXED),
        numbers={name: numbers(name) for name in names},
    )


def usable_features(samples: Samples) -> list[str]:
    """The features that say something here: more than one value, or known of some only."""
    features = []
    for name, values in samples.numbers.items():
        known = values[~np.isnan(values)]
        if len(known) and (len(known) < len(values) or known.min() < known.max()):
            features.append(name)
    kinds = np.unique(samples.kind)
    return features + [_KIND + str(kind) for kind in kinds if len(kinds) > 1]


@dataclass(frozen=True)
class Split:
    """Three slices of time; no label of one looks into the next."""

    fit: Samples
    calibrate: Samples
    evaluate: Samples


def split_by_time(samples: Samples) -> Split:
    """Earliest moments to fit, the next to calibrate, the latest to evaluate, within each layer.

    A sample whose horizon reaches into the next slice is left out of both.

    Raises:
        NothingToLearnError: a slice has fewer than `LEAST` records used again, or not used again.
    """
    slices: list[list[npt.NDArray[np.int64]]] = [[], [], []]
    for layer in np.unique(samples.layer):
        here = np.flatnonzero(samples.layer == layer)
        at, until = samples.at[here], samples.at[here] + samples.horizon[here]
        first, last = at.min(), at.max()
        calibrate, evaluate = (first + share * (last - first) for share in (_FIT, _CALIBRATE))
        slices[0].append(here[until <= calibrate])
        slices[1].append(here[(at >= calibrate) & (until <= evaluate)])
        slices[2].append(here[at >= evaluate])
    places = [np.concatenate(one) if one else np.empty(0, dtype=np.int64) for one in slices]
    split = Split(*(samples.take(one) for one in places))
    counts = {
        name: (int(one.label.sum()), int((~one.label).sum()))
        for name, one in zip(("fit", "calibrate", "evaluate"), vars(split).values(), strict=True)
    }
    if min(min(pair) for pair in counts.values()) < LEAST:
        raise NothingToLearnError(
            "there is too little to learn from yet; nothing was changed",
            detail=f"Of each slice of time at least {LEAST} records used again and {LEAST} not: "
            + ", ".join(f"{name} has {a} and {b}" for name, (a, b) in counts.items())
            + ".",
            hint="magray train --horizon '1 hour', or wait until memories were used for longer",
        )
    return split
