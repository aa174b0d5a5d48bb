"""`/v1/lifecycle`: one turn of the lifecycle, now."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.params import JSONBody

from service.core.model.memories import LifecycleAnswer, LifecycleRun
from service.routes.body import StrictBody
from service.routes.responses import problems
from service.services import Services
from service.web.access import require_all_namespaces


@post(
    "/v1/lifecycle/run",
    status_code=200,
    summary="Run the lifecycle",
    operation_id="run_lifecycle",
    tags=["lifecycle"],
    opt={"scope": "admin"},
    dto=StrictBody,
    return_dto=None,
    responses=problems(413),
)
async def run_lifecycle(
    data: JSONBody[LifecycleRun], services: Services, request: Request[Any, Any, Any]
) -> LifecycleAnswer:
    """Do at once what the scheduled jobs do, over all namespaces; `dry_run` only tells.

    Needs a key with scope admin that is bound to no namespace.
    """
    require_all_namespaces(request.user)
    changes = await services.memory.run_lifecycle(limit=data.limit, dry_run=data.dry_run)
    return LifecycleAnswer(dry_run=data.dry_run, changes=changes)
