"""`/v1/memories`: store, read, edit, forget, rate, explain."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.plugins.problem_details import ProblemDetailsException

from service.core.memory import to_vector
from service.core.model.memories import (
    NO_NUL,
    ApiKey,
    Changed,
    Explanation,
    Feedback,
    Forgotten,
    History,
    MemoryChange,
    MemoryPage,
    MemoryRecord,
    NewMemory,
    Rated,
    Remember,
    Stored,
    StoredBatch,
)
from service.routes.body import LARGEST_BATCH, LARGEST_EDIT, StrictBody
from service.routes.cursor import make_cursor, read_cursor
from service.routes.etags import (
    ETAG,
    UNCHANGED,
    IfMatch,
    IfNoneMatch,
    any_of,
    strong,
    tagged,
    unchanged,
)
from service.routes.responses import problems
from service.services import Services
from service.web.access import namespace_for
from service.web.heads import is_head
from service.web.metrics import REMEMBERED

NamespaceQuery = Annotated[
    str | None,
    QueryParameter(
        name="namespace",
        max_length=200,
        pattern=NO_NUL,
        description="May be left out when the key is bound to one namespace.",
    ),
]
# How long `wait` waits for vectors before it answers without: seconds.
_LONGEST_WAIT = 60.0


class Memories(Controller):
    """Memories of a namespace."""

    path = "/v1/memories"
    tags = ("memories",)
    dto = StrictBody
    return_dto = None

    @post(
        summary="Store memories",
        operation_id="remember",
        opt={"scope": "write"},
        request_max_body_size=LARGEST_BATCH,
        responses=problems(409, 413),
    )
    async def remember(
        self,
        data: JSONBody[Remember],
        services: Services,
        request: Request[Any, Any, Any],
        idempotency_key: Annotated[
            str | None,
            HeaderParameter(name="Idempotency-Key", min_length=1, max_length=200, required=False),
        ] = None,
    ) -> StoredBatch:
        """Store 1 to 1000 memories, all or none.

        A memory that is there already answers with its id and `created: false`. With an
        `Idempotency-Key` a retried request answers as the first one did, for 24 hours.
        """
        memories = [
            _placed(request.user, memory, place) for place, memory in enumerate(data.memories)
        ]
        vectors = [
            None if memory.embedding is None else to_vector(memory.embedding) for memory in memories
        ]
        stored = await services.memory.remember(memories, vectors, idempotency_key=idempotency_key)
        for row in stored:
            REMEMBERED.labels("created" if row.created else "known").inc()
        if services.worker is not None:
            waiting = {(row.namespace, row.id) for row in stored if not row.has_embedding}
            services.worker.notify()
            if data.wait and waiting:
                await services.worker.wait_for(waiting, _LONGEST_WAIT)
                stored = await _with_vectors(services, stored)
        return StoredBatch(memories=stored)

    @get(summary="List memories", operation_id="list_memories", responses=problems())
    async def list_memories(
        self,
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50,
        cursor: Annotated[str | None, QueryParameter(max_length=200)] = None,
        layer: Annotated[list[str] | None, QueryParameter(max_items=3)] = None,
        kind: Annotated[list[str] | None, QueryParameter(max_items=50)] = None,
        session: Annotated[str | None, QueryParameter(max_length=200)] = None,
    ) -> MemoryPage:
        """Live memories, newest first; `cursor` of the answer asks for the next page."""
        page = await services.memory.list_memories(
            namespace_for(request.user, namespace),
            limit=limit,
            after=read_cursor(cursor, datetime.fromisoformat, UUID),
            layers=layer,
            kinds=kind,
            filters={"session": session} if session else None,
        )
        last = page[-1] if len(page) == limit else None
        return MemoryPage(
            memories=page,
            cursor=make_cursor(last.created_at.isoformat(), last.id) if last else None,
        )

    @get(
        "/{memory_id:uuid}",
        summary="Read a memory",
        operation_id="get",
        response_headers=ETAG,
        responses={**problems(404), 304: UNCHANGED},
    )
    async def read(
        self,
        memory_id: FromPath[UUID],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[MemoryRecord]:
        """A live memory with its place, life and use. Reading counts as a use."""
        found_in = namespace_for(request.user, namespace)
        record = await services.memory.get(found_in, memory_id)
        if not is_head(request):
            services.touches.add(found_in, [memory_id], session=None, source="get")
        answer = tagged(record)
        return unchanged(answer) if any_of(if_none_match, record.etag) else answer

    @patch(
        "/{memory_id:uuid}",
        summary="Edit a memory",
        operation_id="update",
        opt={"scope": "write"},
        request_max_body_size=LARGEST_EDIT,
        response_headers=ETAG,
        responses=problems(404, 409, 412, 413),
    )
    async def update(
        self,
        memory_id: FromPath[UUID],
        data: JSONBody[MemoryChange],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
        if_match: IfMatch = None,
    ) -> Response[Changed]:
        """Change what is named; what the memory was stays in its history.

        One that another memory would be equal to is refused with 409. With `If-Match` one that
        is not any more what the caller saw is, with 412.
        """
        changed = await services.memory.update(
            namespace_for(request.user, namespace), memory_id, data, if_match=strong(if_match)
        )
        if services.worker is not None and not changed.has_embedding:
            services.worker.notify()
        return tagged(changed)

    @delete(
        "/{memory_id:uuid}",
        summary="Forget a memory",
        operation_id="forget",
        status_code=200,
        opt={"scope": "write"},
        responses=problems(404, 412),
    )
    async def forget(
        self,
        memory_id: FromPath[UUID],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
        dry_run: FromQuery[bool] = False,
        if_match: IfMatch = None,
    ) -> Forgotten:
        """Delete a memory permanently, with its history and use; gone from every search at once."""
        gone = await services.memory.forget(
            namespace_for(request.user, namespace),
            [memory_id],
            dry_run=dry_run,
            if_match=strong(if_match),
        )
        if not gone:
            raise ProblemDetailsException(
                status_code=404,
                title=f"memory {memory_id} does not exist",
                detail="The namespace holds no live memory of this id.",
                extra={"code": "ML404", "hint": f"GET /v1/memories/{memory_id}/history"},
            )
        return gone[0]

    @post(
        "/{memory_id:uuid}/feedback",
        summary="Rate a memory",
        operation_id="rate",
        opt={"scope": "write"},
        responses=problems(404, 413),
    )
    async def rate(
        self,
        memory_id: FromPath[UUID],
        data: JSONBody[Feedback],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
    ) -> Rated:
        """Rate a memory 1 to 5; ratings decide about its promotion."""
        return await services.memory.rate(
            namespace_for(request.user, namespace), memory_id, data.rating, session=data.session
        )

    @get(
        "/{memory_id:uuid}/explain",
        summary="Explain a memory's score",
        operation_id="explain",
        responses=problems(404),
    )
    async def explain(
        self,
        memory_id: FromPath[UUID],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
    ) -> Explanation:
        """The parts of a memory's score and each criterion of its next promotion."""
        return Explanation(
            criteria=await services.memory.explain(
                namespace_for(request.user, namespace), memory_id
            )
        )

    @get(
        "/{memory_id:uuid}/history",
        summary="A memory's history",
        operation_id="history",
        responses=problems(404),
    )
    async def history(
        self,
        memory_id: FromPath[UUID],
        services: Services,
        request: Request[Any, Any, Any],
        namespace: NamespaceQuery = None,
    ) -> History:
        """What happened to a memory, oldest first; decisions outlive it, its content does not."""
        return History(
            events=await services.memory.history(namespace_for(request.user, namespace), memory_id)
        )


def _placed(caller: ApiKey, memory: NewMemory, place: int) -> NewMemory:
    """A memory of a batch with its namespace, which may have been left out.

    Raises:
        ProblemDetailsException: the key is not bound to it (403); it has a ttl and is pinned (422).
    """
    namespace = namespace_for(caller, memory.namespace, place=f"$.memories[{place}]")
    if memory.pinned and memory.ttl is not None:
        raise ProblemDetailsException(
            status_code=422,
            title=f"memory {place + 1}: a pinned memory takes no ttl",
            detail=f"Pinned it never expires - at `$.memories[{place}]`",
            extra={"code": "ML422", "hint": "Leave pinned or ttl out."},
        )
    return memory if memory.namespace else msgspec.structs.replace(memory, namespace=namespace)


async def _with_vectors(services: Services, stored: list[Stored]) -> list[Stored]:
    """The rows again, telling which vectors are there now."""
    still_waiting = await services.memory.without_embedding(
        {row.namespace for row in stored}, [row.id for row in stored]
    )
    return [
        msgspec.structs.replace(row, has_embedding=row.id not in still_waiting) for row in stored
    ]
