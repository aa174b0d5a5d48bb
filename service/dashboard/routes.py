"""The pages and their parts: a session sees them, changes need a key with scope admin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
from litestar import Controller, MediaType, Request, Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotAuthorizedException
from litestar.params import Body, FromPath, FromQuery, QueryParameter
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig

from service import third_party
from service.core.errors import NotFoundError
from service.core.model.memories import SearchRequest
from service.dashboard.panels import Panels
from service.dashboard.parts import HEADERS, answer, rendered
from service.dashboard.trouble import HANDLERS, to_login
from service.dashboard.visitors import COOKIE, Visitors, require_visitor
from service.dashboard.words import FILTERS
from service.services import Services
from service.web.static_files import files

_HERE = Path(__file__).parent
_LARGEST_FORM = 8 << 10  # bytes


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    """Jinja2 on the templates beside this file, with the words of `words.py`."""
    config = TemplateConfig(directory=_HERE / "templates", engine=JinjaTemplateEngine)
    engine: JinjaTemplateEngine = config.engine_instance
    engine.engine.filters.update(FILTERS)
    engine.engine.trim_blocks = engine.engine.lstrip_blocks = True
    return config


def assets() -> list[Router]:
    """Our style sheet, and htmx."""
    return [
        files("/assets", _HERE / "static"),
        files("/assets/htmx", third_party.HERE / "htmx"),
    ]


class Entrance(Controller):
    """Logging in and out."""

    include_in_schema = False
    exception_handlers = HANDLERS
    request_max_body_size = _LARGEST_FORM

    @get("/login")
    async def login(self) -> Template:
        """The form."""
        return Template("login.html", context={"refused": False}, headers=HEADERS)

    @post("/login", status_code=303)
    async def enter(
        self,
        request: Request[Any, Any, Any],
        data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> Response[Any]:
        """Begin a session, or show the form again."""
        visitors: Visitors = request.app.state.visitors
        # what a proxy says is believed here, for it only makes the cookie stricter
        https = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        cookie = await visitors.enter(
            request.app.state.key_ring, data.get("key", "").strip(), https=https
        )
        if cookie is None:
            return Template(
                "login.html", context={"refused": True}, headers=HEADERS, status_code=403
            )
        return Redirect("/", status_code=303, cookies=[cookie])

    @post("/logout", status_code=303)
    async def leave(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """End the session."""
        request.app.state.visitors.leave(request.cookies.get(COOKIE))
        gone = Redirect("/login", status_code=303)
        gone.delete_cookie(COOKIE)
        return gone


class Pages(Controller):
    """The dashboard and its parts."""

    include_in_schema = False
    guards = (require_visitor,)
    # Litestar's own declaration
    exception_handlers = {**HANDLERS, NotAuthorizedException: to_login}  # noqa: RUF012

    @get("/", media_type=MediaType.HTML)
    async def page(self, request: Request[Any, Any, Any]) -> Template:
        """Everything, each part loaded by itself."""
        return Template("dashboard.html", context={"caller": request.user}, headers=HEADERS)

    @get("/panel/{name:str}")
    async def panel(
        self,
        request: Request[Any, Any, Any],
        name: FromPath[str],
        shown: FromQuery[str | None] = None,
    ) -> Response[str]:
        """A part."""
        del shown  # `answer` reads it, of a part that cannot be shown too
        return await self._part(request, name)

    @get("/search")
    async def search(
        self,
        services: Services,
        namespace: Annotated[str, QueryParameter(min_length=1, max_length=200)],
        question: Annotated[str, QueryParameter(name="query", min_length=1, max_length=2000)],
    ) -> Template:
        """What a search finds, with the parts of each score; counts as no use."""
        asked = SearchRequest(
            namespace=namespace, query=question, top_k=10, explain=True, touch=False
        )
        found = await services.recall.search(asked)
        return Template("panels/found.html", context={"answer": found}, headers=HEADERS)

    @get("/why")
    async def why(
        self,
        services: Services,
        namespace: Annotated[str, QueryParameter(min_length=1, max_length=200)],
        memory_id: Annotated[UUID, QueryParameter(name="id")],
    ) -> Template:
        """Why a memory is where it is: its history, and each criterion of its next step."""
        events = await services.memory.history(namespace, memory_id)
        try:
            criteria = await services.memory.explain(namespace, memory_id)
        except psycopg.Error as error:
            if error.sqlstate != NotFoundError.code:
                raise
            criteria = []
        context = {"events": events, "criteria": criteria, "id": memory_id}
        return Template("panels/why.html", context=context, headers=HEADERS)

    @post("/alerts/{alert_id:int}/acknowledge", status_code=200)
    async def acknowledge(
        self, request: Request[Any, Any, Any], services: Services, alert_id: FromPath[int]
    ) -> Response[str]:
        """Look after an alert; shows the alerts again."""
        if "admin" not in request.user.scopes or not request.headers.get("hx-request"):
            raise ProblemDetailsException(status_code=403, title="the key has no scope admin")
        await services.watch.acknowledge(alert_id, request.user.name)
        return await self._part(request, "alerts")

    async def _part(self, request: Request[Any, Any, Any], name: str) -> Response[str]:
        panels: Panels = request.app.state.panels
        gather = panels.by_name.get(name)
        if gather is None:
            raise ProblemDetailsException(status_code=404, title=f"there is no part “{name}”")
        context = {"caller": request.user, **await gather()}
        return answer(request, rendered(request, f"panels/{name}.html", context))


def routes() -> list[Any]:
    """What the application adds."""
    return [Entrance, Pages, *assets()]
