"""`/v1/layers`: the three layers and what a namespace holds in them."""

from __future__ import annotations

from typing import Any

from litestar import Request, get

from service.core.model.memories import Layers
from service.routes.memories import NamespaceQuery
from service.routes.responses import problems
from service.services import Services
from service.web.access import namespace_for


@get(
    "/v1/layers",
    summary="The layers",
    operation_id="layers",
    tags=["layers"],
    responses=problems(),
)
async def layers(
    services: Services, request: Request[Any, Any, Any], namespace: NamespaceQuery = None
) -> Layers:
    """Each layer's policy, and what the namespace holds in it."""
    return Layers(layers=await services.memory.layers(namespace_for(request.user, namespace)))
