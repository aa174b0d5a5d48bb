"""`/health`: is the process alive, can it serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
from litestar import get
from litestar.plugins.problem_details import ProblemDetailsException

from service.core.model.watch import Answer, Health
from service.routes.responses import problems
from service.services import Services
from service.web.problems import from_trouble

if TYPE_CHECKING:
    from service.background.supervisor import Trouble

# A probe that waits as long as a request would be given up by who probes: seconds.
_PATIENCE = 3.0


@get("/health", summary="How is it?", operation_id="health", tags=["health"])
async def health(services: Services) -> Health:
    """`ok`, `degraded` or `failing`, with the number of open alerts by rule and what to do.

    `failing` while the database does not answer, too. Always 200: a monitor that acts on a status
    asks `/health/ready`.
    """
    if services.supervisor.trouble is None:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await services.watch.health()
        except (psycopg.Error, TimeoutError):
            pass
    return Health(status="failing", reasons=[_reason(services.supervisor.trouble)])


def _reason(trouble: Trouble | None) -> dict[str, Any]:
    if trouble is None:
        meaning = "The database does not answer."
        return {"rule": "database", "meaning": meaning, "hint": "magray check"}
    sentence = trouble.sentence[0].upper() + trouble.sentence[1:]
    return {
        "rule": "database",
        "scope": "total",
        "severity": "critical",
        "since": trouble.since,
        "meaning": f"{sentence} ({trouble.cause.what}).",
        "hint": trouble.cause.hint,
    }


@get("/health/live", summary="Is the process alive?", operation_id="live", tags=["health"])
async def live() -> Answer:
    """Answers as long as the process runs; says nothing about the database.

    A process whose database is away is not mended by starting it anew: it finds the database
    again by itself, and starts the embedded one.
    """
    return Answer("ok")


@get(
    "/health/ready",
    summary="Can it serve?",
    operation_id="ready",
    tags=["health"],
    responses={503: problems(503)[503]},
)
async def ready(services: Services) -> Answer:
    """Answers ok when the database answers."""
    if services.supervisor.trouble is not None:
        raise from_trouble(services.supervisor.trouble)
    try:
        async with asyncio.timeout(_PATIENCE):
            await services.memory.change_token("health")
    except (psycopg.Error, TimeoutError) as error:
        raise ProblemDetailsException(
            status_code=503,
            title="the database does not answer",
            detail="",
            extra={"code": "53300", "hint": "magray check"},
            headers={"Retry-After": "1"},
        ) from error
    return Answer("ok")
