"""Hints over HTTP are for who calls over HTTP."""

from __future__ import annotations

import re

import pytest

from service.core.paths import SQL_DIR
from service.web.hints import for_callers

MEMORY = "01890000-0000-7000-8000-000000000001"
COMMAND = re.compile(r"\s*(magray|select|set|alter)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("Send it again.", "Send it again."),
        ("select * from memory.layers;", "GET /v1/layers"),
        (
            f"select * from memory.history('it''s', '{MEMORY}');",  # noqa: S608
            f"GET /v1/memories/{MEMORY}/history",
        ),
        ("select id from memory.records where namespace = 'ann';", "GET /v1/memories"),
        (f"select * from memory.get('ann', '{MEMORY}');", f"GET /v1/memories/{MEMORY}"),  # noqa: S608
        ("magray check", "For whoever runs the service: magray check"),
        ("select * from memory.jobs;", "For whoever runs the service: select * from memory.jobs;"),
    ],
)
def test_a_command_becomes_a_route_or_is_said_to_be_for_another(hint: str, told: str) -> None:
    assert for_callers(hint) == told


def test_no_hint_of_a_function_is_a_command_over_http() -> None:
    """Whatever function raises it, and with whatever in it."""
    hints = [
        found.replace("''", "'")
        for path in (SQL_DIR / "functions").rglob("*.sql")
        for found in re.findall(r"hint = (?:format\()?'((?:[^']|'')*)'", path.read_text())
    ]
    assert len(hints) > 30
    assert [hint for hint in hints if COMMAND.match(for_callers(hint))] == []
