"""The channel smtp: a mail a message, and a refusal is an error that keeps the message."""

from __future__ import annotations

import asyncio
import email
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from service.settings import AlertSettings
from service.watch.channels import make_channels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

MESSAGE = {
    "id": 7, "channel": "smtp", "event": "opened", "attempts": 0,
    "body": {
        "alert": 3, "rule": "low recall", "kpi": "recall", "scope": "total", "value": 0.5,
        "threshold": 0.95, "since": "2026-06-01T12:00:00+00:00", "severity": "warning",
        "meaning": "Searches miss what is near.", "hint": "select * from memory.plan_indexes();",
    },
}  # fmt: skip


class MailServer:
    """Speaks as much SMTP as a delivery needs; refuses what is for somebody it does not know."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mail.test")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT") and "ops@" not in line:
                say("550 nobody of this name")
            elif verb == "DATA":
                say("354 go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(text.decode())
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield


def settings(server: MailServer, **more: Any) -> AlertSettings:
    return AlertSettings(**{
        "channels": ["smtp"], "smtp_host": "127.0.0.1", "smtp_port": server.port,
        "smtp_tls": "none", "mail_from": "magray@example.org", "mail_to": ["ops@example.org"],
        **more,
    })  # fmt: skip


async def test_a_mail_says_what_and_what_to_do() -> None:
    server = MailServer()
    async with server.listening():
        await make_channels(settings(server))["smtp"](MESSAGE)
    (text,) = server.mails
    mail = email.message_from_string(text)
    assert mail["Subject"] == "[MAGRAY] opened: low recall (total)"
    assert mail["To"] == "ops@example.org"
    assert mail["Message-ID"] == "<3.7@magray>"
    content = mail.get_payload()
    assert "Searches miss what is near." in content
    assert "What to do: select * from memory.plan_indexes();" in content


async def test_a_refused_or_missing_server_is_an_error() -> None:
    server = MailServer()
    async with server.listening():
        refused = make_channels(settings(server, mail_to=["nobody@example.org"]))["smtp"]
        with pytest.raises(OSError, match="nobody"):
            await refused(MESSAGE)
    with pytest.raises(OSError, match="refused"):
        await make_channels(settings(server))["smtp"](MESSAGE)
    assert server.mails == []
