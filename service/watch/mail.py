"""The channel smtp."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import anyio.to_thread

if TYPE_CHECKING:
    from service.settings import AlertSettings


class Mail:
    """Sends the message by SMTP."""

    def __init__(self, settings: AlertSettings, host: str) -> None:
        self._settings = settings
        self._host = host

    async def __call__(self, message: dict[str, Any]) -> None:
        """Deliver.

        Raises:
            OSError: the server does not answer, or not as it should (smtplib.SMTPException).
        """
        await anyio.to_thread.run_sync(self._send, message)

    def _send(self, message: dict[str, Any]) -> None:
        settings = self._settings
        body = message["body"]
        mail = EmailMessage()
        mail["From"] = settings.mail_from
        mail["To"] = ", ".join(settings.mail_to)
        mail["Subject"] = f"[MAGRAY] {message['event']}: {body['rule']} ({body['scope']})"
        mail["Message-ID"] = f"<{body['alert']}.{message['id']}@magray>"
        mail.set_content(
            f"{body['meaning']}\n\n"
            f"{body['kpi']} ({body['scope']}): {body['value']}, threshold {body['threshold']}\n"
            f"since {body['since']}, severity {body['severity']}\n\n"
            f"What to do: {body['hint']}\n"
        )
        with self._connect() as smtp:
            if settings.smtp_user is not None and settings.smtp_password_file is not None:
                smtp.login(settings.smtp_user, settings.smtp_password_file.read_text().strip())
            smtp.send_message(mail)

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        address, timeout = (self._host, settings.smtp_port), settings.timeout_seconds
        if settings.smtp_tls == "none":
            return smtplib.SMTP(*address, timeout=timeout)
        # smtplib on its own accepts any certificate, and whoever holds it would get the password
        context = ssl.create_default_context()
        if settings.smtp_tls == "tls":
            return smtplib.SMTP_SSL(*address, timeout=timeout, context=context)
        smtp = smtplib.SMTP(*address, timeout=timeout)
        try:
            smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
        return smtp
