"""Every error as one RFC 9457 problem: its class says the status, nothing internal is let out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from litestar.exceptions import HTTPException, ValidationException
from litestar.plugins.problem_details import (
    ProblemDetailsConfig,
    ProblemDetailsException,
    ProblemDetailsPlugin,
)
from msgspec import Struct, field
from psycopg_pool import PoolTimeout

from service.core.database import LOST
from service.core.errors import (
    DatabaseError,
    MagrayError,
    UnavailableError,
    UnusableError,
    of_sqlstate,
)
from service.core.memory.faults import noted_place, renumbered
from service.web.hints import for_callers

if TYPE_CHECKING:
    from litestar import Request

    from service.background.supervisor import Supervisor, Trouble

log = structlog.get_logger("magray.problems")


class Problem(Struct, frozen=True, kw_only=True):
    """An RFC 9457 problem. `code` is stable, `hint` says what to do."""

    status: int
    title: str
    type_: str = field(name="type", default="about:blank")
    detail: str | None = None
    instance: str | None = None
    code: str | None = None
    hint: str | None = None


# Errors of a database that is there, and has run out of something: title and detail.
_WANTING = {
    "53100": ("the database has no space left on its device", "Reading goes on, writing does not."),
    "53200": ("the database has no memory left", "Others may be served."),
    "53300": ("the database has no connection left", "Its max_connections are in use."),
}
_TOO_LARGE = "infinite value not allowed in halfvec"
_AWAY = "57P03"  # cannot_connect_now
# What the server says to whom it sends away: shutdown, crash of another, not (yet) there.
_ENDS = ("57P01", "57P02", _AWAY)
# Litestar's own errors; the rest carry the name of their status.
_HTTP_TITLES = {
    400: "the request is not valid",
    401: "who are you?",
    404: "there is no such thing",
    405: "the path has no such method",
    413: "the body is too large",
}
_HTTP_HINTS = {
    401: "Send the header Authorization: Bearer KEY. Whoever runs the service makes one: "
    "magray keys create --name app",
    413: "Send a larger batch in parts.",
}
# What Litestar says of a handler's `data` that is not there.
_WITHOUT_BODY = ("data", "'data'")
_NO_BODY = "A JSON body is needed, at least {}."


def from_database(error: psycopg.Error) -> ProblemDetailsException:
    """A database error as a problem.

    Ours are told as they are. Of the others, those about a value (class 22) say which one it
    was: to the caller, whose value it is, and not in the log. The rest stands in the log only.
    """
    state = error.sqlstate or ""
    ours, about_a_value = state.startswith("ML"), state[:2] == "22"
    kind = _kind_of(error)
    message, detail, hint = (
        error.diag.message_primary,
        error.diag.message_detail,
        error.diag.message_hint,
    )
    if not ours:
        text = type(error).__name__ if kind is UnusableError else str(error).partition("\n")[0]
        log.warning("database error", sqlstate=state, error=text)
        detail = message if about_a_value else None
        message, hint = kind.sentence, kind.advice
        if state in _WANTING:
            message, detail = _WANTING[state]
        if error.diag.message_primary == _TOO_LARGE:
            state, message = UnusableError.code, "embedding holds a number that is too large"
            detail = "It is stored in 16 bits: from -65504 to 65504."
    place = noted_place(error)
    if place is not None:
        message = renumbered(message or "" if ours else f"memory 1: {message}", place)
        hint = renumbered(hint or "", place)
        detail = f"{(detail or '').rstrip('.')} - at `$.memories[{place}]`"
    return ProblemDetailsException(
        status_code=kind.status,
        title=message or DatabaseError.sentence,
        detail=detail or "",
        extra=_extra(state or kind.code, hint or "magray check"),
        headers={"Retry-After": "1"} if kind is UnavailableError else None,
    )


def _kind_of(error: psycopg.Error) -> type[DatabaseError]:
    """By the SQLSTATE; the driver's own have none: a lost connection, a value it cannot send."""
    kind = of_sqlstate(error.sqlstate or "")
    if kind is not DatabaseError:
        return kind
    if isinstance(error, psycopg.OperationalError):
        return UnavailableError
    unsendable = isinstance(error, psycopg.DataError) and not error.sqlstate
    return UnusableError if unsendable else kind


def from_magray(error: MagrayError) -> ProblemDetailsException:
    """One of our own errors as a problem."""
    return ProblemDetailsException(
        status_code=error.status,
        title=error.message,
        detail=error.detail,
        extra=_extra(error.code, error.hint or "magray check"),
    )


def from_pool(_: PoolTimeout) -> ProblemDetailsException:
    """No connection was free in time."""
    return ProblemDetailsException(
        status_code=503,
        title="all database connections are busy",
        detail="",
        extra=_extra(
            "53300", "Try again in a second. For whoever runs the service: raise MAGRAY_POOL_SIZE."
        ),
        headers={"Retry-After": "1"},
    )


def from_trouble(trouble: Trouble) -> ProblemDetailsException:
    """The database is away: why, and when to try again."""
    promise = ": it comes back by itself" if trouble.restarting else ""
    return ProblemDetailsException(
        status_code=503,
        title=trouble.sentence,
        detail=trouble.cause.what,
        extra=_extra(_AWAY, f"Try again in {trouble.retry_after} s{promise}."),
        headers={"Retry-After": str(trouble.retry_after)},
    )


def from_loss(error: psycopg.Error) -> ProblemDetailsException:
    """A connection was lost in the midst of a request, before anybody has looked why."""
    log.warning("database connection lost", error=str(error).partition("\n")[0])
    return ProblemDetailsException(
        status_code=503,
        title="the connection to the database was lost",
        detail="Whether the database is away is being looked at.",
        extra=_extra(_AWAY, "Try again."),
        headers={"Retry-After": "1"},
    )


def of_database(error: psycopg.Error, trouble: Trouble | None) -> ProblemDetailsException:
    """An error of the database, or of the way to it: by what is known to be the matter."""
    state = error.sqlstate or ""
    lost = isinstance(error, LOST) and not state
    if trouble is not None and (lost or state[:2] in ("08", "57")) and state != "57014":
        return from_trouble(trouble)
    if isinstance(error, PoolTimeout):
        return from_pool(error)
    return from_loss(error) if lost or state[:2] == "08" or state in _ENDS else from_database(error)


def from_http(error: HTTPException) -> ProblemDetailsException:
    """Litestar's own errors: unknown route, malformed body."""
    detail = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        detail = "; ".join(
            _NO_BODY
            if (fault.get("key"), fault.get("message")) == _WITHOUT_BODY
            else ": ".join(str(fault[name]) for name in ("key", "message") if fault.get(name))
            for fault in error.extra
            if isinstance(fault, dict)
        )
    return ProblemDetailsException(
        status_code=error.status_code,
        title=_HTTP_TITLES.get(error.status_code, error.detail),
        detail=detail,
        extra=_extra(f"ML{error.status_code}", _HTTP_HINTS.get(error.status_code, "GET /schema")),
        headers=error.headers,
    )


def from_recursion(_: RecursionError) -> ProblemDetailsException:
    """JSON nested too deep to be read."""
    return ProblemDetailsException(
        status_code=400,
        title=_HTTP_TITLES[400],
        detail="It is nested too deep.",
        extra=_extra("ML400", "GET /schema"),
    )


def from_fault(error: Exception) -> ProblemDetailsException:
    """A fault of ours: logged whole, told in one sentence."""
    log.error("unexpected error", exc_info=error)
    return ProblemDetailsException(
        status_code=500,
        title="something went wrong here",
        detail="The service's log has it under this request id.",
        extra=_extra(MagrayError.code, "Report it with the request id of this answer."),
    )


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Any:
    """What becomes of an error nothing else is about."""
    return from_fault(error).to_response(request)


def _extra(code: str, hint: str) -> dict[str, Any]:
    return {"code": code, "hint": for_callers(hint)}


def plugin(supervisor: Supervisor) -> ProblemDetailsPlugin:
    """The plugin that turns all of these into `application/problem+json`."""

    def of_now(error: psycopg.Error) -> ProblemDetailsException:
        return of_database(error, supervisor.trouble)

    return ProblemDetailsPlugin(
        ProblemDetailsConfig(
            enable_for_all_http_exceptions=False,
            exception_to_problem_detail_map={
                psycopg.Error: of_now,
                MagrayError: from_magray,
                HTTPException: from_http,
                RecursionError: from_recursion,
            },
        )
    )
