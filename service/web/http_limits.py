"""What a connection may send, counted as it comes: before anything is parsed, kept or answered.

The parser (httptools) keeps a header until it ends, and copies it for every piece of it that comes:
64 MB in one header kept the event loop busy for 8 seconds. Here every byte is counted before the
parser sees it, a request that goes beyond a limit is answered at once, and what else comes of it is
thrown away. Time is limited as well, so that nobody holds a connection by a byte a minute.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.web.accounting import count_refusal

if TYPE_CHECKING:
    import asyncio

    from service.core.settings import HttpSettings

log = structlog.get_logger("magray.request")

# Fed to the parser at once, so that limits are looked at in the midst of what came together.
_PIECE = 16 << 10
# A chunk of one byte comes with five others.
_OVERHEAD_A_BYTE = 8
# How fast a body must have come on the whole, after its first seconds: bytes a second.
_SLOWEST = 1000
# How long what is sent after a refusal is thrown away, so that its sender comes to read: seconds.
_LINGER = 5.0
_REFUSALS = {
    400: ("the request is not HTTP/1.1", "curl -v shows what is sent."),
    408: ("the request came too slowly", "Send it again."),
    413: ("the body is too large", "Send a larger batch in parts."),
    414: ("the request line is too long", "Send long values in the body of a POST."),
    431: ("the headers are too large", "Send fewer or shorter headers and cookies."),
}


class LimitedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with limits.

    Args:
        limits: of what may come, and how slowly.
    """

    def __init__(self, *args: Any, limits: HttpSettings, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits = limits
        self._largest_head, self._largest_body = limits.header_kb << 10, limits.body_mb << 20
        self._deadline = math.inf
        self._watching: asyncio.TimerHandle | None = None
        self._fault = 400  # what a callback of the parser stopped it for
        self._refused = False
        self._owed: int | None = None  # the answer to a refused one, when others are under way
        self._discarded = 0
        self._turns = 0  # from head to body and back
        self._in_body = self._chunked = self._last = False
        self._head = self._url_bytes = self._body = self._overhead = self._idle_overhead = 0
        self._body_began = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, though not for ever."""
        super().connection_made(transport)
        self._deadline = self.loop.time() + self._limits.header_seconds
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        if self._watching is not None:
            self._watching.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the parser have what is within the limits."""
        rest = memoryview(data)
        while rest and not self._refused and not self.transport.is_closing():
            size = _PIECE if self._in_body else min(_PIECE, self._largest_head + 1 - self._head)
            self._feed(rest[:size])
            rest = rest[size:]
        if self._refused:
            self._discarded += len(rest)
            if self._discarded > 2 * self._largest_body:
                self.transport.abort()

    def _feed(self, piece: memoryview) -> None:
        now = self.loop.time()
        if not self._in_body and self._head == 0:
            self._deadline = now + self._limits.header_seconds
        turns, body = self._turns, self._body
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # answered as if it had asked for nothing else, as HTTP wants it
        except httptools.HttpParserError:
            self._refuse(self._fault)
        if self._refused or self._turns != turns:
            return
        if not self._in_body:
            self._head += len(piece)
            if self._head > self._largest_head:
                self._refuse(431)
            return
        self._deadline = min(
            now + self._limits.body_seconds,
            self._body_began + self._limits.body_seconds + self._body / _SLOWEST,
        )
        if self._chunked:
            came = self._body - body
            self._overhead += len(piece) - came
            self._idle_overhead = 0 if came else self._idle_overhead + len(piece)
            allowed = self._largest_head + _OVERHEAD_A_BYTE * self._body
            if max(self._overhead - allowed, self._idle_overhead - self._largest_head) > 0:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._url_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url_bytes += len(url)
        if self._url_bytes > self._limits.request_line_kb << 10:
            self._stop(414)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; behind the body nobody expects one, and some mean something."""
        if self._in_body:
            return
        if len(self.headers) >= self._limits.headers:
            self._stop(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: may the body come?"""
        sizes = [int(value) for name, value in self.headers if name == b"content-length"]
        if sizes and sizes[0] > self._largest_body:
            self._stop(413)
        super().on_headers_complete()
        self._turns += 1
        self._in_body, self._chunked = True, not sizes
        self._body = self._overhead = self._idle_overhead = 0
        self._body_began = now = self.loop.time()
        self._deadline = now + self._limits.body_seconds
        # What comes after it is no HTTP, or nothing; the answer must be read before it is cut off.
        self._last = self.parser.should_upgrade() or not self.cycle.keep_alive
        if self._last:
            self.cycle.keep_alive = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body; what nobody reads counts as well."""
        self._body += len(body)
        if self._body > self._largest_body:
            self._stop(413)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._turns += 1
        self._in_body = False
        self._head = 0
        self._deadline = math.inf
        if self.cycle.response_complete:
            # answered before it was whole: the rest put off what ends a connection nobody uses
            self._deadline = self.loop.time() + self.timeout_keep_alive

    def on_response_complete(self) -> None:
        """Go on with the next request, if there can be one."""
        is_newest = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing() or not is_newest:
            return
        if self._owed is not None:
            self._answer(self._owed)
            return
        # who waits for leave to send the body, and was answered instead, may send it or not
        unclear = self._in_body and self.expect_100_continue and not self._body
        if unclear or (self._last and self._in_body):
            self._linger()
        elif self._last:
            self.transport.close()

    def _stop(self, status: int) -> None:
        self._fault = status
        raise ValueError(status)  # the parser hands it on as an error of its own

    def _refuse(self, status: int) -> None:
        """Answer a request that goes no further, and throw away what else comes."""
        self._refused = True
        count_refusal(status)
        log.info("refused", status=status)
        cycle = self.cycle
        if self._in_body:
            if cycle.response_complete and not self.pipeline:
                self._linger()
            elif cycle.response_started or self.pipeline:
                self.transport.close()
            else:
                self._answer(status)
                cycle.disconnected = True
                cycle.message_event.set()
        elif cycle is None or cycle.response_complete:
            self._answer(status)
        else:
            self._owed = status  # those before it are answered first

    def _answer(self, status: int) -> None:
        title, hint = _REFUSALS[status]
        problem = {"status": status, "title": title, "code": f"ML{status}", "hint": hint}
        body = msgspec.json.encode(problem)
        lines = [
            STATUS_LINE[status][:-2],
            *(name + b": " + value for name, value in self.server_state.default_headers),
            b"content-type: application/problem+json",
            b"content-length: %d" % len(body),
            b"connection: close\r\n",
        ]
        self.transport.write(b"\r\n".join(lines) + b"\r\n" + body)
        self._linger()

    def _linger(self) -> None:
        """Say that there is nothing more, and give the other side time to read it."""
        self._refused = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.time() + _LINGER
        self._watch()

    def _watch(self) -> None:
        """Look at the deadline when it may have come; it moves without this being called."""
        if self._watching is not None:
            self._watching.cancel()
        longest = self._limits.header_seconds
        wait = min(max(self._deadline - self.loop.time(), 0.01), longest)
        self._watching = self.loop.call_later(wait, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing():
            return
        if self._in_body and self.flow.read_paused and not self._refused:
            # it is us who do not read
            self._deadline = now + self._limits.body_seconds
        if now >= self._deadline:
            if self._refused:
                self.transport.abort()
            elif self._in_body or self._head:
                self._refuse(408)
            else:
                self.transport.close()
        if not self.transport.is_closing():
            self._watch()
