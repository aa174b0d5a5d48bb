"""`/v1/decisions`: why memories are where they are, or gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter
from litestar.plugins.problem_details import ProblemDetailsException

from service.core.model.memories import NO_NUL, DecisionPage
from service.routes.cursor import make_cursor, read_cursor
from service.routes.memories import NamespaceQuery
from service.routes.responses import problems
from service.services import Services
from service.web.access import namespace_for

Action = Literal["promote", "keep", "evict", "compress", "archive", "expire", "forget"]
_NOBODY = UUID(int=0)


@get(
    "/v1/decisions",
    summary="List decisions",
    operation_id="list_decisions",
    tags=["decisions"],
    responses=problems(),
)
async def decisions(
    services: Services,
    request: Request[Any, Any, Any],
    namespace: NamespaceQuery = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=400)] = None,
    action: Annotated[list[Action] | None, QueryParameter(max_items=7)] = None,
    memory_id: Annotated[UUID | None, QueryParameter(name="id")] = None,
    layer: Annotated[
        str | None,
        QueryParameter(
            max_length=63, pattern=NO_NUL, description="The layer it was in, or moved to."
        ),
    ] = None,
    since: Annotated[
        str | None,
        QueryParameter(
            max_length=40,
            schema_extra={"format": "date-time"},
            description="A time without a zone is UTC.",
        ),
    ] = None,
) -> DecisionPage:
    """Decisions of the last months, newest first; also about memories that are gone.

    One row for every promotion, eviction, expiry and so on; one for a memory that stayed when the
    set of criteria it fails changed. `cursor` of the answer asks for the next page.
    """
    page = await services.memory.list_decisions(
        namespace_for(request.user, namespace),
        limit=limit,
        after=read_cursor(cursor, datetime.fromisoformat, UUID, _word, _word),
        memory_id=memory_id,
        actions=None if action is None else list(action),
        layer=layer,
        since=None if since is None else _read_time(since),
    )
    last = page[-1] if len(page) == limit else None
    return DecisionPage(
        decisions=page,
        cursor=None
        if last is None
        else make_cursor(last.at.isoformat(), last.id or _NOBODY, last.action, last.layer),
    )


def _read_time(since: str) -> datetime:
    """A moment as RFC 3339 has it; Litestar would take any number for one.

    Raises:
        ProblemDetailsException: it is none (422).
    """
    try:
        moment = msgspec.convert(since, datetime)
    except msgspec.ValidationError as error:
        raise ProblemDetailsException(
            status_code=422,
            title="since is not a moment",
            detail=f"Given: {since!r}.",
            extra={"code": "ML422", "hint": "Example: since=2026-11-20T10:00:00Z"},
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _word(part: str) -> str:
    """A name as the database has them.

    Raises:
        ValueError: it is none.
    """
    if not part.isidentifier():
        raise ValueError(part)
    return part
