"""Alerts reach a webhook that fails, is slow and restarts: each one, in order, well signed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import standardwebhooks
from msgspec import structs

from service.background.watch import notifier
from service.background.watch.channels import make_channels
from service.background.watch.identity import message_id
from service.background.watch.notifier import Notifier
from service.core.errors import ConfigError, DeliveryError
from service.core.model.watch import Message
from service.core.settings import AlertSettings
from tests.sql.calls import call, rows, session
from tests.watch.drip import Drip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC) - timedelta(hours=2)


class ForgedError(Exception):
    """The signature is not that of the secret's holder, or is old."""


def verify(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Check a message by the recipe of standardwebhooks.com, not by the library that signs."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    at = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{at}.".encode() + body
    right = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    if not hmac.compare_digest(right, headers["webhook-signature"].encode()):
        raise ForgedError("another signature")
    if abs(time.time() - int(at)) > 300:
        raise ForgedError("too old or too new")


class Receiver:
    """A webhook's receiving end: keeps what it took, and answers as it is told to."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.answers: list[int] = []
        self.delay = 0.0
        self.tried = 0
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.port = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen, on the same port as before."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.tried += 1
                time.sleep(receiver.delay)
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == 204:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    verify(receiver.secret, body, headers)
                    receiver.taken.append((headers["webhook-id"], msgspec.json.decode(body)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def channels(secret: str, tmp_path: Path) -> Callable[[Receiver | Drip], dict[str, Any]]:
    (tmp_path / "secret").write_text(secret + "\n")

    def made(receiver: Receiver | Drip) -> dict[str, Any]:
        return make_channels(
            AlertSettings(
                channels=["webhook"],
                webhook_url=f"http://127.0.0.1:{receiver.port}/alerts",
                webhook_secret_file=tmp_path / "secret",
                timeout_seconds=1,
            )
        )

    return made


def alarm(db: Connection[Any], times: int, channels: Sequence[str] = ("webhook",)) -> None:
    """Let recall fall and come back, so often: two messages each."""
    db.execute(
        "update memory_data.setting set value = to_jsonb(%s::text[]) where key = 'alert_channels'",
        (list(channels),),
    )
    db.execute("update memory_data.alert_rule set enabled = name = 'low recall', lasts = '0'")
    for turn in range(times):
        for minute, found in ((0, 50 + turn), (1, 100)):
            at = NOW + timedelta(minutes=2 * turn + minute)
            db.execute("delete from memory_data.recall_sample")
            db.execute(
                "insert into memory_data.recall_sample (at, found, wanted) values (%s, %s, 100)",
                (at, found),
            )
            call(db, "check_alerts", now=at)


def hurry(db: Connection[Any]) -> None:
    """Do not wait for the next attempt."""
    db.execute(
        "update memory_data.notification set next_attempt_at = now() where delivered_at is null"
    )


async def until(met: Callable[[], bool], db: Connection[Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            hurry(db)
            await asyncio.sleep(0.05)


async def test_every_alert_arrives_in_order_whatever_the_receiver_does(
    clone_url: str,
    secret: str,
    channels: Callable[[Receiver | Drip], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier, "_TICK", 0.05)
    receiver = Receiver(secret)
    receiver.answers = [500, 503, 429]
    with session(clone_url) as db:
        alarm(db, 3)
        sent = rows(db, "select id, event, body from memory_data.notification order by id")
        assert len(sent) == 6
        with receiver.listening():
            async with Notifier(clone_url, channels(receiver)).running():
                await until(lambda: len(receiver.taken) >= 2, db)
                assert receiver.tried >= 5
                receiver.delay = 1.5  # slower than the patience: it takes them, is not believed
                taken = len(receiver.taken)
                await until(lambda: len(receiver.taken) > taken, db)
        # it is away, and so is the sender
        receiver.delay = 0
        async with Notifier(clone_url, channels(receiver)).running():
            await asyncio.sleep(0.3)
            with receiver.listening():
                await until(
                    lambda: (
                        rows(
                            db, "select 1 from memory_data.notification where delivered_at is null"
                        )
                        == []
                    ),
                    db,
                )
    order = [
        name
        for place, (name, _) in enumerate(receiver.taken)
        if name not in [earlier for earlier, _ in receiver.taken[:place]]
    ]
    assert order == [f"magray-{message_id(SimpleNamespace(**row))}" for row in sent]
    bodies = dict(receiver.taken)
    assert [bodies[name] for name in order] == [row["body"] for row in sent]
    assert [bodies[name]["event"] for name in order] == ["opened", "resolved"] * 3
    # the slow one was sent again under the same id
    assert len(receiver.taken) > len(order)


async def test_of_two_services_one_delivers(
    clone_url: str,
    secret: str,
    channels: Callable[[Receiver | Drip], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier, "_TICK", 0.02)
    receiver = Receiver(secret)
    with session(clone_url) as db, receiver.listening():
        one, other = (Notifier(clone_url, channels(receiver)) for _ in range(2))
        async with one.running(), other.running():
            alarm(db, 5)
            await until(lambda: len(receiver.taken) >= 10, db)
    assert len({name for name, _ in receiver.taken}) == len(receiver.taken) == 10


MESSAGE = Message(
    id=7,
    channel="webhook",
    event="opened",
    attempts=0,
    body={
        "alert": 3,
        "event": "opened",
        "at": "2026-06-01T12:00:00.123456+00:00",
        "rule": "low recall",
        "scope": "total",
    },
)


async def test_an_attempt_ends_in_time_and_waits_for_no_body(
    channels: Callable[[Receiver | Drip], dict[str, Any]],
) -> None:
    status = Drip(b"HTTP/1.1 200 fine\r\n\r\n")
    nothing = Drip(b"HTTP/1.1 200 fine\r\nx-name: ")
    async with asyncio.timeout(10), status.listening(), nothing.listening():
        await channels(status)["webhook"](MESSAGE)
        with pytest.raises(DeliveryError, match="within 1 s"):
            await channels(nothing)["webhook"](MESSAGE)


async def test_a_slow_receiver_holds_back_no_other_channel(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "_TICK", 0.05)
    taken: list[str] = []

    async def never(_: Message) -> None:
        await asyncio.Event().wait()

    async def log(message: Message) -> None:
        taken.append(message.event)

    with session(clone_url) as db:
        alarm(db, 2, channels=["log", "webhook"])
        async with Notifier(clone_url, {"webhook": never, "log": log}).running():
            await until(lambda: len(taken) == 4, db, seconds=10)
        waiting = rows(
            db, "select channel from memory_data.notification where delivered_at is null"
        )
    assert taken == ["opened", "resolved"] * 2
    assert {row["channel"] for row in waiting} == {"webhook"}


@pytest.mark.parametrize("taken", [True, False])
async def test_a_message_that_is_gone_when_it_is_noted_stops_nothing(
    clone_url: str, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    monkeypatch.setattr(notifier, "_TICK", 0.05)
    order: list[str] = []
    with session(clone_url) as db:
        alarm(db, 2)

        async def webhook(message: Message) -> None:
            order.append(message.event)
            if len(order) == 1:
                db.execute(
                    "delete from memory_data.alert as a using memory_data.notification as n"
                    " where n.alert = a.id and n.id = %s",
                    (message.id,),
                )
                if not taken:
                    raise DeliveryError("no")

        async with Notifier(clone_url, {"webhook": webhook}).running():
            await until(lambda: len(order) == 3, db, seconds=10)
    # of the first alert the second message went with it
    assert order == ["opened", "opened", "resolved"]


async def test_ids_are_kept_over_attempts_and_not_given_twice(
    secret: str, channels: Callable[[Receiver | Drip], dict[str, Any]]
) -> None:
    receiver = Receiver(secret)
    receiver.answers = [500]
    # of another installation, or of the original after the backup this one was restored from
    at = "2026-06-01T12:00:00.123457+00:00"
    later = structs.replace(MESSAGE, body={**MESSAGE.body, "at": at})
    with receiver.listening():
        send = channels(receiver)["webhook"]
        with pytest.raises(DeliveryError, match="500"):
            await send(MESSAGE)
        for message in (MESSAGE, MESSAGE, later):
            await send(message)
    names = [name for name, _ in receiver.taken]
    assert names[0] == names[1] == "magray-1f82f72e-11d4-507f-917b-bf14d28b6ccb"
    assert names[2] != names[0]


@pytest.mark.parametrize("text", ["", " \n", "whsec_", "whsec_\n", "whsec_%%%", None])
def test_a_secret_that_is_none_is_refused_at_the_start(
    text: str | None, channels: Callable[[Receiver | Drip], dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "secret").unlink()
    if text is not None:
        (tmp_path / "secret").write_text(text)
    with pytest.raises(ConfigError, match="webhook_secret_file holds no secret"):
        channels(Receiver("whsec_" + "A" * 32))


async def test_nothing_is_signed_with_a_secret_that_was_emptied(
    secret: str, channels: Callable[[Receiver | Drip], dict[str, Any]], tmp_path: Path
) -> None:
    receiver = Receiver(secret)
    with receiver.listening():
        send = channels(receiver)["webhook"]
        (tmp_path / "secret").write_text("\n")
        with pytest.raises(DeliveryError, match="secret is empty"):
            await send(MESSAGE)
    assert receiver.tried == 0


async def test_what_waits_in_a_clone_is_not_delivered_until_jobs_are_allowed(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "_TICK", 0.02)
    order: list[str] = []

    async def webhook(message: Message) -> None:
        order.append(message.event)

    with session(clone_url) as db:
        alarm(db, 1)
        call(db, "allow_jobs", allowed=False)
        async with Notifier(clone_url, {"webhook": webhook}).running():
            await asyncio.sleep(1)
            assert order == []
            call(db, "allow_jobs")
            await until(lambda: len(order) == 2, db, seconds=10)
    assert order == ["opened", "resolved"]


def test_a_forged_message_does_not_verify(secret: str) -> None:
    """What the recipe takes, it takes of the right secret, whole and in time only."""

    def signed(secret: str, minutes: int = 0) -> dict[str, str]:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        return {
            "webhook-id": "magray-1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": standardwebhooks.Webhook(secret).sign("magray-1", at, "{}"),
        }

    verify(secret, b"{}", signed(secret))
    other = "whsec_" + base64.b64encode(b"other").decode()
    for body, headers in (
        (b"{}", signed(secret) | {"webhook-signature": "v1,AAAA"}),
        (b"{}", signed(secret) | {"webhook-id": "magray-2"}),
        (b"{ }", signed(secret)),
        (b"{}", signed(other)),
        (b"{}", signed(secret, minutes=10)),
    ):
        with pytest.raises(ForgedError):
            verify(secret, body, headers)


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": ["webhook"]},
        {"channels": ["smtp"], "smtp_host": "x"},
        {"channels": ["pager"]},
        {"webhook_url": "ftp://x"},
    ],
)
def test_a_channel_that_is_not_complete_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"webhook|smtp|channels"):
        AlertSettings(**settings)
