"""The ways of a message about an alert: log, webhook, mail. Each raises when it is not through."""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx2
import msgspec
import standardwebhooks
import structlog

from service.background.watch.identity import message_id
from service.background.watch.mail import Mail
from service.core.errors import ConfigError, DeliveryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from service.core.model.watch import Message
    from service.core.settings import AlertSettings

    Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger("magray.alert")


def make_channels(settings: AlertSettings) -> dict[str, Send]:
    """What to call with a row of `memory.due_notifications`, by the name of its channel.

    Raises:
        ConfigError: the webhook's secret cannot be read, or is none.
    """
    channels: dict[str, Send] = {"log": _log}
    if settings.webhook_url is not None and settings.webhook_secret_file is not None:
        _check_secret(settings.webhook_secret_file)
        webhook = Webhook(settings.webhook_url, settings.webhook_secret_file)
        channels["webhook"] = _bounded(webhook, settings.timeout_seconds)
    if settings.smtp_host is not None:
        mail = Mail(settings, settings.smtp_host)
        channels["smtp"] = _bounded(mail, settings.timeout_seconds)
    return channels


def _check_secret(path: Path) -> None:
    """Say at the start what every message would fail of."""
    try:
        secret_key(path.read_text())
    except (OSError, ValueError, DeliveryError) as error:
        raise ConfigError(
            "alerts.webhook_secret_file holds no secret to sign with",
            detail=str(error),
            hint=f"openssl rand -hex 32 > {path}",
        ) from error


def _bounded(send: Send, seconds: float) -> Send:
    """End an attempt after so long: timeouts of the libraries begin anew with every byte."""

    async def bounded(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError as error:
            raise DeliveryError(f"the receiver did not take it within {seconds:g} s") from error

    return bounded


async def _log(message: Message) -> None:
    body = message.body
    tell = log.warning if message.event == "opened" else log.info
    tell(
        f"alert {message.event}: {body['rule']}",
        scope=body["scope"],
        value=body["value"],
        severity=body["severity"],
        hint=body["hint"],
    )


class Webhook:
    """Posts the message, signed so that its receiver knows it is ours, whole and not old.

    Headers and signature are those of standardwebhooks.com: `webhook-id` is the same at every
    attempt and never that of another message, so a receiver can tell a repetition.
    """

    def __init__(self, url: str, secret_file: Path) -> None:
        self._url = url
        self._secret_file = secret_file

    async def __call__(self, message: Message) -> None:
        """Deliver.

        Raises:
            DeliveryError: the answer is not 2xx.
            httpx2.TransportError: there was none.
            OSError: the secret cannot be read.
        """
        body = msgspec.json.encode(message.body)
        name, at = f"magray-{message_id(message)}", datetime.now(UTC)
        # read every time, so that a new secret needs no restart
        signer = standardwebhooks.Webhook(secret_key(self._secret_file.read_text()))
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signer.sign(name, at, body.decode()),
        }
        async with (
            httpx2.AsyncClient(timeout=None) as client,  # whoever calls bounds it as a whole
            # the status says it all; a body may never end
            client.stream("POST", self._url, content=body, headers=headers) as answer,
        ):
            if not answer.is_success:
                raise DeliveryError(f"the webhook answered {answer.status_code}")


def secret_key(text: str) -> bytes:
    """The key in a secret: what `whsec_` is followed by is base64, anything else the key itself.

    Raises:
        DeliveryError: it is empty, with which anybody could sign, or not base64.
    """
    secret = text.strip()
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise DeliveryError("the webhook's secret is not base64 behind whsec_") from error
    if not key:
        raise DeliveryError("the webhook's secret is empty")
    return key
