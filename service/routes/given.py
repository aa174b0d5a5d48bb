"""A body that could not be read at once: read again for what is wrong, and where it stands.

Optional fields that are null, "", blank or [] are not given. Everything else that does not fit is
refused with its place, such as `$.memories[3].content`, and an unknown field with the nearest one.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from litestar.exceptions import ValidationException
from litestar.plugins.problem_details import ProblemDetailsException
from msgspec import inspect

from service.core.leaves import leaves
from service.core.model.memories import NEVER_BLANK
from service.core.names import known_instead

Shape = TypeVar("Shape", bound=inspect.Type)

# Python reads no integer of more digits.
_LONGEST_NUMBER = 4300
# Strings as a whole, so that the brackets in them do not count.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]')


def read_again(body: bytes, annotation: Any) -> Any:
    """The body as `annotation`, less what is not given.

    Raises:
        ValidationException: it is no JSON, or not of this shape (400).
        ProblemDetailsException: a text holds a NUL (422).
    """
    try:
        tree = _given(_parse(body), _shape(annotation), "$")
        _refuse_nul(tree)
        return msgspec.convert(tree, annotation)
    except msgspec.ValidationError as error:
        raise ValidationException(str(error)) from error
    except RecursionError as error:
        raise ValidationException(f"Nested too deep{_at(_deep_place(body))}") from error


def _parse(body: bytes) -> Any:
    """The body as JSON.

    Raises:
        ValidationException: it is none; where only a text or a number is not, says which.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        fault: Exception = error
        told = str(error)
    except UnicodeDecodeError as error:
        fault, told = error, "The body is not UTF-8."
    try:
        # Python's own reader is more lenient: it takes half a character, and what is no number
        tree = json.loads(body.decode(errors="surrogateescape"), parse_int=_integer)
    except ValueError:
        raise ValidationException(told) from fault
    for place, value, _ in leaves(tree):
        if isinstance(value, str) and not _is_unicode(value):
            raise ValidationException(f"A text that is not Unicode{_at(place)}") from fault
        if isinstance(value, float) and not math.isfinite(value):
            raise ValidationException(f"A number JSON does not have{_at(place)}") from fault
    raise ValidationException(told) from fault


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def _given(value: Any, shape: inspect.Type, place: str) -> Any:
    """The value less the optional fields that are not given, at any depth.

    Raises:
        ValidationException: a field is unknown, or a text that is needed is blank.
    """
    if isinstance(value, dict) and (struct := _one_of(shape, inspect.StructType)):
        fields = {field.encode_name: field for field in struct.fields}
        for name in value:
            if name not in fields:
                raise ValidationException(
                    f"There is no field `{name}`{_at(place)}: {known_instead(name, fields)}"
                )
        return {
            name: _given(inner, fields[name].type, f"{place}.{name}")
            for name, inner in value.items()
            if fields[name].required or not _is_nothing(inner, fields[name].type)
        }
    if isinstance(value, list) and (items := _one_of(shape, inspect.ListType)):
        return [
            _given(inner, items.item_type, f"{place}[{number}]")
            for number, inner in enumerate(value)
        ]
    if isinstance(value, str) and not value.strip():
        text = _one_of(shape, inspect.StrType)
        if text and text.pattern:
            raise ValidationException(f"A text that is empty{_at(place)}")
    return value


def _is_nothing(value: Any, shape: inspect.Type) -> bool:
    """Whether an optional field says nothing."""
    if isinstance(value, str):
        return not value.strip() and not _never_blank(shape)
    return value is None or value == []


def _never_blank(shape: inspect.Type) -> bool:
    if isinstance(shape, inspect.UnionType):
        return any(map(_never_blank, shape.types))
    return isinstance(shape, inspect.Metadata) and NEVER_BLANK in (shape.extra_json_schema or {})


def _one_of(shape: inspect.Type, wanted: type[Shape]) -> Shape | None:
    """The type itself, or the one of a union that is of this class."""
    if isinstance(shape, inspect.Metadata):
        return _one_of(shape.type, wanted)
    if isinstance(shape, inspect.UnionType):
        return next((one for part in shape.types if (one := _one_of(part, wanted))), None)
    return shape if isinstance(shape, wanted) else None


def _refuse_nul(tree: Any) -> None:
    for place, value, _ in leaves(tree):
        if isinstance(value, str) and "\x00" in value:
            raise nul_at(place)


def nul_at(place: str) -> ProblemDetailsException:
    """A text at this place, or of this parameter, holds what no text of PostgreSQL does (422)."""
    return ProblemDetailsException(
        status_code=422,
        title="a text holds the character NUL",
        detail=f"No text of PostgreSQL does{_at(place)}.",
        extra={"code": "ML422", "hint": "Leave it out and send it again."},
    )


def _deep_place(body: bytes) -> str:
    """Which field of a body, or which item of it, is nested the deepest."""
    depth = deepest = item = 0
    name, where, in_list = "", "$", False
    for found in _TOKENS.finditer(body):
        token = found[0]
        if token in b"[{":
            depth += 1
            if depth == 2:
                item, in_list = 0, token == b"["
            if depth > deepest:
                deepest, where = depth, f"$.{name}[{item}]" if in_list else f"$.{name}"
        elif token in b"]}":
            depth -= 1
        elif token == b"," and depth == 2:
            item += 1
        elif depth == 1 and token != b",":
            name = token.strip(b'"').decode(errors="replace")
    return where


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _at(place: str) -> str:
    """As msgspec says it; a key or text of the caller's that is no Unicode can be said too."""
    said = place.encode(errors="backslashreplace").decode().replace("\x00", "\\0")
    return f" - at `{said}`"


@cache
def _shape(annotation: Any) -> inspect.Type:
    return inspect.type_info(annotation)
