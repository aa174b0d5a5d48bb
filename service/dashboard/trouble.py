"""What the dashboard answers when it cannot answer: the same problems as the API's, to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.response import Redirect, Response
from psycopg_pool import PoolTimeout

from service.core.errors import MagrayError
from service.dashboard.parts import answer, rendered
from service.web import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar import Request

    from service.background.supervisor import Trouble

# The script that marks the page as out of date looks for it.
_MARK = {"Magray-Trouble": "yes"}
_AWAY = ("The database does not answer, or all its connections are busy.", "", "magray check")


def to_login(request: Request[Any, Any, Any], _: NotAuthorizedException) -> Response[str]:
    """A page goes to the login; a part of one tells htmx to."""
    if request.headers.get("hx-request"):
        return Response("", status_code=200, headers={"HX-Redirect": "/login"})
    return Redirect("/login", status_code=303)


def _trouble(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """A part says in its place why it is not there, a page on a page."""
    trouble = request.app.state.supervisor.trouble
    problem = _problem(error, trouble)
    if trouble is None and isinstance(error, PoolTimeout | TimeoutError):
        text, detail, hint = _AWAY
    else:
        extra = problem.extra if isinstance(problem.extra, dict) else {}
        # those of Litestar's errors are for callers of the API
        hint = "" if isinstance(error, HTTPException) else extra.get("hint", "")
        text, detail = problem.title or "", problem.detail
    context = {"text": text, "detail": detail if detail != text else "", "hint": hint}
    if request.headers.get("hx-request"):
        # 200, for htmx puts nothing else into the page
        return answer(request, rendered(request, "trouble.html", context), headers=_MARK)
    page = rendered(request, "trouble_page.html", context)
    return answer(request, page, status=problem.status_code, part=False)


def _problem(error: Exception, trouble: Trouble | None) -> ProblemDetailsException:
    match error:
        case ProblemDetailsException():
            return error
        case TimeoutError():
            return problems.of_database(PoolTimeout(), trouble)
        case psycopg.Error():
            return problems.of_database(error, trouble)
        case MagrayError():
            return problems.from_magray(error)
        case HTTPException():
            return problems.from_http(error)
    return problems.from_fault(error)


# Each by itself, for the application has handlers of its own for these very classes.
HANDLERS: dict[int | type[Exception], Callable[[Any, Any], Response[Any]]] = dict.fromkeys(
    (ProblemDetailsException, psycopg.Error, MagrayError, HTTPException, Exception),
    _trouble,
)
