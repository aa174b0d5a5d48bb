"""The problems a route may answer with, for the OpenAPI document."""

from __future__ import annotations

from litestar.openapi.datastructures import ResponseSpec

from service.web.problems import Problem

_DESCRIPTIONS = {
    400: "The request is not valid: malformed JSON, an unknown field, a wrong type.",
    401: "There is no usable API key.",
    403: "The key lacks the scope or the namespace.",
    404: "There is no such live memory.",
    409: "The request contradicts an earlier one.",
    412: "The memory was changed meanwhile: read it again.",
    413: "The body is too large.",
    422: "A value is not usable; the problem says which and what is.",
    503: "The database is busy or away; try again.",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Responses of these statuses, beside those every route may give."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_DESCRIPTIONS[status],
            media_type="application/problem+json",
            generate_examples=False,
        )
        for status in (400, 401, 403, 422, 503, *statuses)
    }
