"""`/v1/search`: find memories."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, post
from litestar.params import JSONBody

from service.core.model.memories import SearchAnswer, SearchRequest
from service.routes.body import LARGEST_SEARCH, StrictBody
from service.routes.responses import problems
from service.services import Services
from service.web.access import namespace_for


@post(
    "/v1/search",
    status_code=200,
    summary="Find memories",
    operation_id="search",
    tags=["search"],
    dto=StrictBody,
    return_dto=None,
    request_max_body_size=LARGEST_SEARCH,
    responses=problems(413),
)
async def search(
    data: JSONBody[SearchRequest], services: Services, request: Request[Any, Any, Any]
) -> SearchAnswer:
    """The best memories for a question, a vector or both, best first.

    With words the score is the sum of its parts (words up to 1, meaning up to 0.5, the speaker the
    question names 0.2); with a vector alone it is the cosine similarity. `explain` gives the parts.
    """
    namespace = namespace_for(request.user, data.namespace, place="$")
    return await services.recall.search(msgspec.structs.replace(data, namespace=namespace))
