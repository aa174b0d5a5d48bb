"""Training on a real access trace, which is replayed into a scratch database in bulk.

A trace is `time,obj_id,size` (gzip or not). Its span is stretched to 24 days, whatever its clock
was, so that one horizon of a day is a twenty-fourth of it. Traces with more requests than asked for
are thinned by object: a chosen object keeps all of its requests, so that its rhythm stays true.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from jobs.train.scoring import score_all
from jobs.train.training import Wish, train
from service.core.database import connect
from service.core.memory import Training
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from jobs.files.source import Source
    from jobs.scratch import Scratch
    from jobs.train.training import Trained

SPAN = timedelta(days=24)
HORIZON = timedelta(days=1)
_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
_HEAD = b"time,obj_id,size"
# Spreads ids over 64 bits (Fibonacci hashing), so that thinning takes no pattern of them.
_SPREAD = np.uint64(11400714819323198485)


@dataclass(frozen=True)
class Trace:
    """Requests in the order of time.

    Attributes:
        at: place in the span, 0..1.
        object: whose.
        size: bytes.
        requests: how many the file holds, before thinning.
    """

    at: npt.NDArray[np.float64]
    object: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    requests: int

    @property
    def objects(self) -> int:
        """How many different objects are asked for."""
        return len(np.unique(self.object))


@dataclass(frozen=True)
class Run:
    """What a run on a trace came to.

    Attributes:
        trained: the training.
        scored: records scored afterwards.
        seconds: replaying, training and scoring.
    """

    trained: Trained
    scored: int
    seconds: dict[str, float]


def read_trace(source: Source, limit: int) -> Trace:
    """Read a trace, thinned to about `limit` requests.

    Raises:
        FileError: it is no trace, or all of it happens at one moment.
    """
    head, _, body = source.read().partition(b"\n")
    if head.strip() != _HEAD:
        raise source.error(f"is no trace: its first line is not {_HEAD.decode()}")
    try:
        table = np.loadtxt(io.BytesIO(body), delimiter=",", dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise source.error("is no trace of numbers", detail=str(error)) from error
    if table.shape[1:] != (3,) or np.ptp(table[:, 0]) == 0:
        raise source.error("spans no time")
    table = table[np.argsort(table[:, 0], kind="stable")]
    at = (table[:, 0] - table[0, 0]) / np.ptp(table[:, 0])
    objects = table[:, 1].astype(np.int64)
    spread = objects.astype(np.uint64) * _SPREAD / 2.0**64
    kept = spread < limit / len(table)
    return Trace(
        at=at[kept],
        object=objects[kept],
        size=table[kept, 2].astype(np.int64),
        requests=len(table),
    )


async def replay(scratch: Scratch, trace: Trace) -> None:
    """Store the objects of a trace and its requests, with their times."""
    async with connect(scratch.database.url, role="memory_owner") as connection:
        texts = {
            name: (SQL_DIR / "bench" / f"trace_{name}.sql").read_bytes()
            for name in ("tables", "copy", "load")
        }
        await connection.execute(texts["tables"])
        async with connection.cursor().copy(texts["copy"]) as copy:
            copy.set_types(["int8", "timestamptz", "int8"])
            for share, number, size in zip(trace.at, trace.object, trace.size, strict=True):
                await copy.write_row((int(number), _BEGINS + float(share) * SPAN, int(size)))
        await connection.execute(texts["load"])


async def run(
    scratch: Scratch, trace: Trace, *, limit: int, on_stage: Callable[[str], None]
) -> Run:
    """Replay a trace, train on it as `magray train` does, and score every record.

    Raises:
        TrainingError: too little of the trace is used again.
    """
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def done(stage: str) -> None:
        seconds[stage] = time.perf_counter() - began - sum(seconds.values())

    on_stage("replaying")
    await replay(scratch, trace)
    done("replay")
    now = _BEGINS + SPAN
    async with connect(scratch.database.url, role="memory_operator") as connection:
        calls = Training(connection)
        wish = Wish(now=now, horizon=HORIZON, layer="insights", limit=limit)
        trained = await train(calls, wish, on_stage=on_stage)
        done("train")
        on_stage("scoring")
        model = await calls.find_model(trained.model)
        scored = 0 if model is None else await score_all(calls, model, now)
        done("score")
    return Run(trained, scored, seconds)
