"""The channel smtp: a mail a message, and a refusal is an error that keeps the message."""

from __future__ import annotations

import asyncio
import email
import ssl
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from service.background.watch.channels import make_channels
from service.background.watch.identity import message_id
from service.core.errors import DeliveryError
from service.core.model.watch import Message
from service.core.settings import AlertSettings
from tests.watch.drip import Drip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

MESSAGE = Message(
    id=7,
    channel="smtp",
    event="opened",
    attempts=0,
    body={
        "alert": 3,
        "at": "2026-06-01T12:10:00.123456+00:00",
        "rule": "low recall",
        "kpi": "recall",
        "scope": "total",
        "value": 0.5,
        "threshold": 0.95,
        "since": "2026-06-01T12:00:00+00:00",
        "severity": "warning",
        "meaning": "Searches miss what is near.",
        "hint": "select * from memory.plan_indexes();",
    },
)


class MailServer:
    """Speaks as much SMTP as a delivery needs; refuses what is for somebody it does not know.

    Args:
        tls: what it shows; from the first byte, or with `starttls` when it is asked to.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, starttls: bool = False) -> None:
        self.mails: list[str] = []
        self.heard: list[str] = []
        self.port = 0
        self.tls = tls
        self.starttls = starttls

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mail.test")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper()
            self.heard.append(line)
            if verb.startswith("EHLO"):
                say("250-mail.test")
                say("250-AUTH PLAIN" if self.tls is None else "250-STARTTLS\r\n250-AUTH PLAIN")
                say("250 8BITMIME")
            elif verb == "STARTTLS":
                say("220 go on")
                try:
                    await writer.start_tls(self.tls)
                except (OSError, ssl.SSLError):
                    break
            elif verb.startswith("AUTH"):
                say("235 welcome")
            elif verb.startswith("RCPT") and "ops@" not in line:
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
        first = None if self.starttls else self.tls
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0, ssl=first)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield


def settings(server: MailServer | Drip, **more: Any) -> AlertSettings:
    return AlertSettings(
        **{
            "channels": ["smtp"],
            "smtp_host": "127.0.0.1",
            "smtp_port": server.port,
            "smtp_tls": "none",
            "mail_from": "magray@example.org",
            "mail_to": ["ops@example.org"],
            **more,
        }
    )


async def test_a_mail_says_what_and_what_to_do() -> None:
    server = MailServer()
    async with server.listening():
        await make_channels(settings(server))["smtp"](MESSAGE)
    (text,) = server.mails
    mail = email.message_from_string(text)
    assert mail["Subject"] == "[MAGRAY] opened: low recall (total)"
    assert mail["To"] == "ops@example.org"
    assert mail["Message-ID"] == f"<{message_id(MESSAGE)}@magray>"
    assert mail["Date"] == "Mon, 01 Jun 2026 12:10:00 +0000"
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


def certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server at 127.0.0.1 shows that signed for itself, and the file of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    shown, secret = directory / "certificate.pem", directory / "key.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, secret)
    return context, shown


@pytest.mark.parametrize("kind", ["starttls", "tls"])
async def test_only_a_server_with_a_trusted_certificate_gets_password_and_mail(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, shown = certificate(tmp_path)
    server = MailServer(tls, starttls=kind == "starttls")
    (tmp_path / "password").write_text("wonderland")
    async with server.listening():
        send = make_channels(
            settings(
                server,
                smtp_tls=kind,
                smtp_user="alice",
                smtp_password_file=tmp_path / "password",
            )
        )["smtp"]
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            await send(MESSAGE)
        assert not [line for line in server.heard if line.startswith(("AUTH", "MAIL"))]
        monkeypatch.setenv("SSL_CERT_FILE", str(shown))
        await send(MESSAGE)
    assert [line for line in server.heard if line.startswith("AUTH")]
    assert len(server.mails) == 1


@pytest.mark.parametrize("kind", ["none", "tls"])
async def test_an_answer_that_never_ends_is_given_up(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, shown = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    server = Drip(b"220-", tls if kind == "tls" else None)
    async with server.listening():
        send = make_channels(settings(server, smtp_tls=kind, timeout_seconds=0.5))["smtp"]
        began = time.monotonic()
        with pytest.raises(DeliveryError, match=r"within 0\.5 s"):
            await send(MESSAGE)
        assert time.monotonic() - began < 3
        # the thread is let go of too, or the server would go on


async def test_who_of_several_is_refused_is_told_and_the_others_get_it_once() -> None:
    server = MailServer()
    async with server.listening():
        send = make_channels(settings(server, mail_to=["nobody@example.org", "ops@example.org"]))
        with capture_logs() as told:
            await send["smtp"](MESSAGE)
    assert len(server.mails) == 1
    (line,) = told
    assert (line["log_level"], line["address"]) == ("warning", "nobody@example.org")
    assert line["error"] == "550 nobody of this name"
