"""Bodies read as JSON says they are: `"5"` is no number and `1` is no truth value.

Litestar alone converts as leniently as it must for query parameters. This also reads the bytes
straight into the structs, without a tree of dictionaries in between; only a body that is not right
at once is read again, slowly, for what is wrong with it and where (`service/routes/given.py`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.dto import AbstractDTO

from service.routes.given import read_again

if TYPE_CHECKING:
    from collections.abc import Generator

    from litestar._openapi.schema_generation import SchemaCreator
    from litestar.dto.data_structures import DTOFieldDefinition
    from litestar.openapi.spec import Reference, Schema
    from litestar.typing import FieldDefinition

# The largest bodies, bytes; the server itself lets none pass that is larger than `http.body_mb`.
# A batch of 1000 memories with vectors and long texts still fits.
LARGEST_BATCH = 64 << 20
LARGEST_EDIT = 8 << 20
LARGEST_SEARCH = 1 << 20
LARGEST_OTHER = 64 << 10
# The only way JSON has to say the one character PostgreSQL's texts do not hold.
_NUL = b"\\u0000"


class StrictBody(AbstractDTO[Any]):
    """Reads `data` as the type its handler declares, and nothing else."""

    def decode_bytes(self, value: bytes) -> Any:
        """The body as a struct.

        Raises:
            ValidationException: it is no JSON, or not of this shape; says where (400).
            ProblemDetailsException: a text holds a NUL; says where (422).
        """
        field = self.asgi_connection.route_handler.parsed_data_field
        annotation = field.annotation if field else Any
        if _NUL not in value:
            try:
                return _decoder(annotation).decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
        return read_again(value, annotation)

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Nothing to prepare."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        schema_creator: SchemaCreator,
    ) -> Reference | Schema:
        """The schema of the declared type itself."""
        del handler_id
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """None: no other model is made from it."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """None has other rules."""
        del field_definition
        return False


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation)
