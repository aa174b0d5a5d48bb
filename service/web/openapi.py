"""`/schema`: the OpenAPI document and the page that shows it; nothing is loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, Parameter, RequestBody, Schema, SecurityScheme
from litestar.openapi.spec.enums import OpenAPIType

from service import third_party
from service.core.model import backups as model_backups
from service.core.model import memories as model
from service.core.model import watch as model_watch
from service.core.model.watch import Answer
from service.web.problems import Problem
from service.web.static_files import files

if TYPE_CHECKING:
    from litestar import Litestar, Router

# What counts as not given: `service/routes/given.py`.
_BLANK = r"^[\s\x1c-\x1f\x85]*$"
_NO_TEXT = [{"type": "null"}, {"type": "array", "maxItems": 0}]
_NOTHING = {"$ref": "#/components/schemas/Nothing"}
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
    """Swagger UI's files."""
    return files("/schema/assets", third_party.HERE / "swagger-ui")


def describe_exactly(app: Litestar) -> None:
    """Put msgspec's own schemas of the structs into the document.

    Litestar's leave out that a body takes no unknown fields, and limits inside of unions; and that
    an edit may be called what it is, a merge patch. What may be left out may be said by a value
    that says nothing, too.
    """
    shapes = {**vars(model), **vars(model_backups), **vars(model_watch)}
    structs = [one for one in shapes.values() if _is_struct(one)]
    _, schemas = msgspec.json.schema_components(
        [*structs, Problem, Answer], ref_template="#/components/schemas/{name}"
    )
    described: dict[str, Any] = app.openapi_schema.components.schemas or {}
    described.update({name: schemas[name] for name in described})
    for schema in described.values():
        if isinstance(schema, dict) and schema.get("additionalProperties") is False:
            _allow_nothing(schema)
    described["Nothing"] = {
        "description": "Says nothing: the same as to leave the field out.",
        "anyOf": [*_NO_TEXT, {"type": "string", "pattern": _BLANK}],
    }
    _allow_empty_parameters(app)
    for item in (app.openapi_schema.paths or {}).values():
        if item.patch is not None and isinstance(item.patch.request_body, RequestBody):
            taken = item.patch.request_body.content
            taken["application/merge-patch+json"] = taken["application/json"]


def _allow_nothing(body: dict[str, Any]) -> None:
    """Say of the optional fields of a body which values count as not given."""
    for name, field in body.get("properties", {}).items():
        if name in body.get("required", ()):
            continue
        default = field.pop("default", None)
        # a content that is blank is a fault, not one that is left out
        nothing = _NO_TEXT if model.NEVER_BLANK in field else [_NOTHING]
        something = [one for one in field.get("anyOf", [field]) if one != {"type": "null"}]
        body["properties"][name] = {"anyOf": [*something, *nothing]} | (
            {} if default in (None, "") else {"default": default}
        )


def _allow_empty_parameters(app: Litestar) -> None:
    """Say the same of the query: an optional parameter may be empty, unless it is a flag."""
    blank = Schema(type=OpenAPIType.STRING, pattern=_BLANK)
    for path in (app.openapi_schema.paths or {}).values():
        for operation in (path.get, path.post, path.put, path.patch, path.delete):
            for one in (operation and operation.parameters) or ():
                if (
                    isinstance(one, Parameter)
                    and isinstance(one.schema, Schema)
                    and (one.param_in, one.required) == ("query", False)
                    and one.schema.type != OpenAPIType.BOOLEAN
                ):
                    if one.schema.items is not None:
                        one.schema.items = Schema(any_of=[one.schema.items, blank])
                    else:
                        one.schema = Schema(any_of=[one.schema, blank])


def _is_struct(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, msgspec.Struct) and one is not msgspec.Struct
