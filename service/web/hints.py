"""Hints as HTTP callers can follow them.

SQL functions and commands give hints to who called them there: a statement, a command. Over HTTP
the same is a route; what only somebody at the server can do is said to be for them.
"""

from __future__ import annotations

import re

_CALL = re.compile(
    r"\b(?:from|select) memory\.(?P<name>\w+)(?:\((?P<arguments>.*)\))?", re.IGNORECASE | re.DOTALL
)
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_COMMAND = re.compile(
    r"\s*(magray|select|set|alter|with|update|delete|insert|drop|create)\b", re.IGNORECASE
)

# Function or view of schema memory → what asks the same over HTTP. {0} and {1} are its texts.
_ROUTES = {
    "get": "GET /v1/memories/{1}",
    "history": "GET /v1/memories/{1}/history",
    "explain": "GET /v1/memories/{1}/explain",
    "rate": 'POST /v1/memories/{1}/feedback {{"rating": 4.5}}',
    "records": "GET /v1/memories",
    "list_memories": "GET /v1/memories",
    "layers": "GET /v1/layers",
    "search": 'POST /v1/search {{"namespace": "…", "query": "what did we decide?"}}',
    "run_lifecycle": 'POST /v1/lifecycle/run {{"dry_run": true}}',
    "alerts": "GET /v1/alerts",
    "backups": "GET /v1/backups",
    "decisions": "GET /v1/decisions",
    "kpis": "GET /v1/kpis",
}


def for_callers(hint: str) -> str:
    """A hint as it is told over HTTP.

    Args:
        hint: a statement, a command, or words, which stay as they are.
    """
    if not _COMMAND.match(hint):
        return hint
    call = _CALL.search(hint)
    route = _ROUTES.get(call["name"]) if call else None
    if call is None or route is None:
        return f"For whoever runs the service: {hint}"
    texts = [text.replace("''", "'") for text in _TEXT.findall(call["arguments"] or "")]
    return route.format(*texts, "{id}", "{id}")
