"""`/health`: is the process alive, can it serve."""

from __future__ import annotations

import asyncio

import psycopg
from litestar import get
from litestar.plugins.problem_details import ProblemDetailsException
from msgspec import Struct
from psycopg_pool import PoolTimeout

from service.model_watch import Health
from service.routes.responses import problems
from service.services import Services

# A probe that waits as long as a request would be given up by who probes: seconds.
_PATIENCE = 3.0


class Answer(Struct, frozen=True):
    """`ok`, or there would be a problem instead."""

    status: str


@get("/health", summary="How is it?", operation_id="health", tags=["health"])
async def health(services: Services) -> Health:
    """`ok`, `degraded` or `failing`, with the number of open alerts by rule and what to do.

    `failing` while the database does not answer, too. Always 200: a monitor that acts on a status
    asks `/health/ready`.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await services.watch.health()
    except (psycopg.Error, PoolTimeout, TimeoutError):
        away = "The database does not answer."
        reason = {"rule": "database", "meaning": away, "hint": "magray check"}
        return Health(status="failing", reasons=[reason])


@get("/health/live", summary="Is the process alive?", operation_id="live", tags=["health"])
async def live() -> Answer:
    """Answers as long as the process runs; says nothing about the database."""
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
