"""`/schema`: the OpenAPI document and the page that shows it; nothing is loaded from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, RequestBody, SecurityScheme

from service import model, model_backups, model_watch
from service.problems import Problem
from service.routes.health import Answer
from service.static_files import files

if TYPE_CHECKING:
    from litestar import Litestar, Router

# The name of the security scheme: an API key as bearer.
KEY = "key"


def config() -> OpenAPIConfig:
    """Where the document is, how it is shown, and that keys are bearer keys."""
    return OpenAPIConfig(
        title="MAGRAY Memory",
        version="1",
        description="The layered memory of AI assistants, as a PostgreSQL data service.",
        path="/schema",
        render_plugins=[
            SwaggerRenderPlugin(
                js_url="/schema/assets/swagger-ui-bundle.js",
                css_url="/schema/assets/swagger-ui.css",
                standalone_preset_js_url="/schema/assets/swagger-ui-standalone-preset.js",
                favicon='<link rel="icon" href="/schema/assets/favicon-32x32.png">',
            )
        ],
        components=Components(security_schemes={KEY: SecurityScheme(type="http", scheme="bearer")}),
    )


def assets() -> Router:
    """Swagger UI's files, from a package that ships them: nothing is loaded from elsewhere."""
    package = find_spec("drf_spectacular_sidecar")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("drf-spectacular-sidecar")
    folder = Path(package.origin).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
    return files("/schema/assets", folder)


def describe_exactly(app: Litestar) -> None:
    """Put msgspec's own schemas of the structs into the document.

    Litestar's leave out that a body takes no unknown fields, and limits inside of unions; and that
    an edit may be called what it is, a merge patch.
    """
    shapes = {**vars(model), **vars(model_backups), **vars(model_watch)}
    structs = [one for one in shapes.values() if _is_struct(one)]
    _, schemas = msgspec.json.schema_components(
        [*structs, Problem, Answer], ref_template="#/components/schemas/{name}"
    )
    described: dict[str, Any] = app.openapi_schema.components.schemas or {}
    described.update({name: schemas[name] for name in described})
    for item in (app.openapi_schema.paths or {}).values():
        if item.patch is not None and isinstance(item.patch.request_body, RequestBody):
            taken = item.patch.request_body.content
            taken["application/merge-patch+json"] = taken["application/json"]


def _is_struct(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, msgspec.Struct) and one is not msgspec.Struct
