"""The channel smtp."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING

import anyio.to_thread
import structlog

from service.background.watch.identity import message_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.model.watch import Message
    from service.core.settings import AlertSettings

log = structlog.get_logger("magray.alert")


class Mail:
    """Sends the message by SMTP."""

    def __init__(self, settings: AlertSettings, host: str) -> None:
        self._settings = settings
        self._host = host

    async def __call__(self, message: Message) -> None:
        """Deliver; who of several is refused is told in the log.

        Raises:
            OSError: everybody is refused, or the server does not answer, or not as it should
                (smtplib.SMTPException).
        """
        # the thread ends by itself when its time is over; nobody has to wait for it
        await anyio.to_thread.run_sync(self._send, message, abandon_on_cancel=True)

    def _send(self, message: Message) -> None:
        settings = self._settings
        body = message.body
        mail = EmailMessage()
        mail["From"] = settings.mail_from
        mail["To"] = ", ".join(settings.mail_to)
        mail["Subject"] = f"[MAGRAY] {message.event}: {body['rule']} ({body['scope']})"
        mail["Date"] = datetime.fromisoformat(body["at"])
        mail["Message-ID"] = f"<{message_id(message)}@magray>"
        mail.set_content(
            f"{body['meaning']}\n\n"
            f"{body['kpi']} ({body['scope']}): {body['value']}, threshold {body['threshold']}\n"
            f"since {body['since']}, severity {body['severity']}\n\n"
            f"What to do: {body['hint']}\n"
        )
        with self._connect() as smtp:
            if settings.smtp_user is not None and settings.smtp_password_file is not None:
                smtp.login(settings.smtp_user, settings.smtp_password_file.read_text().strip())
            refused = smtp.send_message(mail)
        # Delivered all the same: a repetition would go to the others again, and one full mailbox
        # would hold back what comes after from everybody. Refused by all, it has raised.
        for address, (code, reason) in refused.items():
            log.warning(
                "alert not mailed to one",
                address=address,
                rule=body["rule"],
                error=f"{code} {reason.decode(errors='replace')}",
            )

    @contextmanager
    def _connect(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        # smtplib on its own accepts any certificate, and whoever holds it would get the password
        context = ssl.create_default_context()
        smtp = (
            _TlsConnection(timeout=settings.timeout_seconds, context=context)
            if settings.smtp_tls == "tls"
            else _Connection(timeout=settings.timeout_seconds)
        )
        patience = threading.Timer(settings.timeout_seconds, smtp.cut)
        patience.daemon = True
        patience.start()
        try:
            smtp.reach(self._host, settings.smtp_port)
            with smtp:
                if settings.smtp_tls == "starttls":
                    smtp.starttls(context=context)
                yield smtp
        finally:
            patience.cancel()
            smtp.close()


class _Connection(smtplib.SMTP):
    """A connection that another thread can end; its own timeout begins anew with every byte."""

    _over = False

    def reach(self, host: str, port: int) -> None:
        """Connect; apart from making it, so that there is something to end meanwhile."""
        self._host = host  # whose certificate it must be; smtplib sets it only when made with it
        self.connect(host, port)

    def cut(self) -> None:
        """End it, whatever it waits for."""
        self._over = True
        if self.sock is not None:
            with suppress(OSError):
                # not the method of TLS, which takes the session away under the one who reads
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, unless it was cut before there was a socket to end."""
        if self._over:
            raise TimeoutError("the mail server is too slow")
        return super().getreply()


class _TlsConnection(_Connection, smtplib.SMTP_SSL):
    """The same, under TLS from the first byte."""
