"""Lets schemathesis meet what is there: random namespaces are forbidden, random ids unknown."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import schemathesis

if TYPE_CHECKING:
    from schemathesis import HookContext

NAMESPACE = os.environ["MAGRAY_FUZZ_NAMESPACE"]
IDS = os.environ["MAGRAY_FUZZ_IDS"].split(",")


def _chosen(value: object, share: int) -> int | None:
    """A number made of the value for `share` of four values, None for the others."""
    number = sum(repr(value).encode())
    return number // 4 if number % 4 < share else None


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: Any) -> Any:
    if isinstance(path_parameters, dict) and _is_id(path_parameters.get("memory_id")):
        number = _chosen(path_parameters["memory_id"], 2)
        deletes = context.operation is not None and context.operation.method == "delete"
        if number is not None and not deletes:
            return {**path_parameters, "memory_id": IDS[number % len(IDS)]}
    return path_parameters


@schemathesis.hook
def map_query(context: HookContext, query: Any) -> Any:
    if isinstance(query, dict):
        if context.operation is not None and context.operation.method == "delete":
            # A dry run deletes nothing, which the check of deleted things cannot know.
            query = {name: value for name, value in query.items() if name != "dry_run"}
        if isinstance(query.get("namespace"), str):
            return _with_namespace(query)
    return query


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    if isinstance(body, dict):
        if isinstance(body.get("memories"), list):
            memories = [
                _with_namespace(memory) if isinstance(memory, dict) else memory
                for memory in body["memories"]
            ]
            return {**body, "memories": memories}
        # To JSON Schema 10.0 is an integer. No client's library writes one so, and the service
        # takes it for what it looks like.
        top_k = body.get("top_k")
        if isinstance(top_k, float) and top_k.is_integer():
            body = {**body, "top_k": int(top_k)}
        return _with_namespace(body)
    return body


def _is_id(value: object) -> bool:
    try:
        return bool(uuid.UUID(str(value)))
    except ValueError:
        return False


def _with_namespace(values: dict[str, Any]) -> dict[str, Any]:
    given = values.get("namespace")
    # what is wrong on purpose stays wrong
    if isinstance(given, str) and 0 < len(given) <= 200 and _chosen(given, 3) is not None:
        return {**values, "namespace": NAMESPACE}
    return values
