"""The plans PostgreSQL really took for a call, nested statements included, by auto_explain."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from psycopg import Connection

Node = dict[str, Any]

_SETTINGS = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    "client_min_messages": "notice",
    # a few thousand rows are read faster from the heap, millions are not: the plan of the latter
    # is what is guarded
    "random_page_cost": "1.1",
}


@dataclass
class Plans:
    """Plans of everything run inside `with Plans(db):`; asked about relations and indexes.

    Attributes:
        texts: query and plan, as JSON, in the order they ended.
    """

    db: Connection[Any]
    texts: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Plans:
        """Begin to listen; the session must be a superuser's, its role may be any."""
        self.db.add_notice_handler(self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.db.remove_notice_handler(self._note)

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:\n" in text:
            self.texts.append(json.loads(text.split("plan:\n", 1)[1]))

    def nodes(self) -> Iterator[Node]:
        """Every node that was run at least once."""
        for text in self.texts:
            yield from _walk(text["Plan"])

    def scans(self, relation: str = "") -> list[Node]:
        """Scans of partitions and tables whose name starts so, in schema memory_data."""
        return [
            node
            for node in self.nodes()
            if node.get("Relation Name", "").startswith(relation)
            and "Scan" in node["Node Type"]
            and "Relation Name" in node
        ]

    def indexes(self, relation: str = "") -> set[str]:
        """Names of the indexes these scans used."""
        used = {node.get("Index Name", "") for node in self.scans(relation)}
        used |= {
            node["Index Name"]
            for node in self.nodes()
            if node["Node Type"] == "Bitmap Index Scan" and node["Index Name"].startswith(relation)
        }
        return used - {""}

    def __str__(self) -> str:
        """The plans, to stand in the message of a failed assertion."""
        return "\n\n".join(
            text.get("Query Text", "").strip()[:400] + "\n" + "\n".join(_lines(text["Plan"]))
            for text in self.texts
        )


def _walk(node: Node) -> Iterator[Node]:
    if node.get("Actual Loops", 1):
        yield node
    for child in node.get("Plans", []):
        yield from _walk(child)


def _lines(node: Node, depth: int = 0) -> Iterator[str]:
    said = [
        f"{node[key]}" if key == "Node Type" else f"{key}: {node[key]}"
        for key in (
            "Node Type",
            "Relation Name",
            "Index Name",
            "Index Cond",
            "Filter",
            "Order By",
            "Actual Rows",
            "Actual Loops",
            "Heap Fetches",
            "Subplans Removed",
        )
        if key in node
    ]
    yield "  " * depth + ", ".join(said)
    for child in node.get("Plans", []):
        yield from _lines(child, depth + 1)


def listening(url: str, namespace: str, role: str = "memory_app") -> Connection[Any]:
    """A session whose plans are told, acting as the service for one namespace."""
    db = psycopg.connect(url, autocommit=True, row_factory=dict_row)
    register_vector(db)
    db.execute("load 'auto_explain'")
    for name, value in _SETTINGS.items():
        db.execute("select set_config(%s, %s, false)", (name, value))
    db.execute("select set_config('magray.namespace', %s, false)", (namespace,))
    db.execute(f"set role {role}")
    return db
