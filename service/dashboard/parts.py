"""Templates made into answers, which are empty when the visitor already sees their content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from litestar import MediaType, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Request

# Nothing but what this server hands out; styles of single elements are the charts'.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def rendered(request: Request[Any, Any, Any], template: str, context: Mapping[str, Any]) -> str:
    """What a template says."""
    engine = request.app.template_engine
    if engine is None:
        raise LookupError("the application has no template engine")
    return str(engine.get_template(template).render(**context))


def answer(
    request: Request[Any, Any, Any],
    text: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    part: bool = True,
) -> Response[str]:
    """A page, or a part of one.

    A part ends with a digest of itself, which its next refresh sends back: where nothing changed,
    204 leaves the page alone, so that focus, selection and scrolling stay and nothing is read
    aloud again.
    """
    sent = {**HEADERS, **(headers or {})}
    if part:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        if request.query_params.get("shown") == digest:
            return Response("", status_code=204, headers=sent, media_type=MediaType.HTML)
        text += f'<input type="hidden" name="shown" value="{digest}">'
    return Response(text, status_code=status, headers=sent, media_type=MediaType.HTML)
