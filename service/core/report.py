"""What a command says of itself at its end, for a program that started it.

With `magray --json-report COMMAND …` the last line on standard error is one such object.
"""

from __future__ import annotations

import msgspec

#: The option that asks for it, before the command.
OPTION = "--json-report"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended.

    Attributes:
        ok: whether it did what it was told.
        code: of the error, as `service/core/errors.py` and SQLSTATEs have it; empty: none.
        message: one sentence, what is wrong; empty when nothing is.
        detail: the values involved.
        hint: what to do about it.
        summary: the last line it printed.
    """

    ok: bool
    code: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
    summary: str = ""

    @property
    def in_a_line(self) -> str:
        """The sentence with detail and hint, for a line of a table."""
        hint = f"try: {self.hint}" if self.hint else ""
        return " ".join("; ".join(filter(None, (self.message, self.detail, hint))).split())


def encode(report: Report) -> str:
    """The line."""
    return msgspec.json.encode(report).decode()


def decode(line: str) -> Report | None:
    """The report a line holds; None: it holds none."""
    try:
        return msgspec.json.decode(line, type=Report)
    except msgspec.MsgspecError:
        return None
