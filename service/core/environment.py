"""Which variables `MAGRAY_*` there are: those of the settings, and a few read elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from service.core.errors import ConfigError
from service.core.names import known_instead, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "MAGRAY_"
NESTED = "__"

# Names the settings file, and so stands in none.
_CONFIG = "CONFIG"
# Read by docker-compose.yml, tools/ and tests/, never by the program; they may stand in a shell
# it is started from.
_OTHERS = re.compile(r"MAGRAY_(BASE|POSTGRES_(MEMORY|CPUS)|SCREENSHOTS|(TEST|DEBIAN|FUZZ)_\w+)")
# Kubernetes and Docker tell every container of services beside it; ours may be called magray-….
_LINKS = re.compile(
    r"MAGRAY_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_LINK = re.compile(r"(tcp|udp|sctp)://")


def refuse_unknown(environment: Mapping[str, str], settings: type[BaseModel]) -> None:
    """Nothing, when every variable that begins with `MAGRAY_` means something.

    Args:
        environment: names and values, such as `os.environ`.
        settings: whose fields may be set by variables.

    Raises:
        ConfigError: one means nothing; names it and the nearest that does.
    """
    for name, value in environment.items():
        written = name.upper()
        if not written.startswith(PREFIX) or _of_others(written, value):
            continue
        section, beside = _place(written.removeprefix(PREFIX), settings)
        if beside is not None:
            key = written.removeprefix(section)
            meant = _meant(key, section, beside, settings)
            raise ConfigError(
                f"the variable {name} is not known",
                detail=known_instead(key, beside, meant=meant)
                + (f" (behind {section})" if section != PREFIX else ""),
                hint=f"unset {name}" + (f", or set {meant} instead" if meant else ""),
            )


def without_json(environment: Mapping[str, str], settings: type[BaseModel]) -> tuple[str, str]:
    """The first variable whose setting is a list or a table, and whose value is no JSON.

    Returns:
        Its name, and how it is set: a list as the value seems to mean it, of a table a form only,
        for it may hold a secret.
    """
    for name, value in environment.items():
        *sections, key = name.upper().removeprefix(PREFIX).lower().split(NESTED)
        model: Any = settings
        for section in sections:
            field = getattr(model, "model_fields", {}).get(section)
            model = None if field is None else field.annotation
        field = getattr(model, "model_fields", {}).get(key)
        if field is None or not name.upper().startswith(PREFIX) or _is_json(value):
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            return name, f"{name}{NESTED}KEY=value, for each key of its own"
        kind = get_origin(field.annotation)
        if kind is dict:
            return name, f"""{name}='{{"key": "value"}}'"""
        if kind in (list, tuple, set):
            words = [word for word in re.split(r"[\s,;\[\]\"']+", value) if word]
            return name, f"{name}='{json.dumps(words)}'"
    return "", ""


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _of_others(name: str, value: str) -> bool:
    return (
        _OTHERS.fullmatch(name) is not None
        or _LINKS.fullmatch(name) is not None
        or (name.endswith("_PORT") and _LINK.match(value) is not None)
    )


def _place(path: str, settings: type[BaseModel]) -> tuple[str, dict[str, Any] | None]:
    """How far a name leads: the section it ends in, and the keys there; None: it is one of them."""
    section, beside = PREFIX, {_CONFIG: None, **_keys(settings)}
    parts = path.split(NESTED)
    for number, part in enumerate(parts, 1):
        if part not in beside:
            return section, beside
        below = beside[part]
        if number == len(parts) or below is dict:  # below which every key is possible
            break
        section, beside = section + part + NESTED, _keys(below)
    return section, None


def _meant(key: str, section: str, beside: dict[str, Any], settings: type[BaseModel]) -> str | None:
    """The whole name that was most likely meant: a similar one here, else its like elsewhere."""
    whole = {name.rpartition(NESTED)[2]: name for name in _names(settings, PREFIX)}
    if found := nearest(section + key, whole.values(), alike=0.97):  # an underscore too few
        return found
    first, nested, rest = key.partition(NESTED)
    if found := nearest(first, beside):
        return section + found + nested + rest
    return whole.get(key.rpartition(NESTED)[2])


def _names(model: Any, section: str) -> Iterator[str]:
    for key, below in _keys(model).items():
        yield section + key
        yield from _names(below, section + key + NESTED)


def _keys(model: Any) -> dict[str, Any]:
    """The keys of a section, each with what is below it: a section, dict or nothing."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    return {
        name.upper(): get_origin(info.annotation) or info.annotation
        for name, info in model.model_fields.items()
    }
