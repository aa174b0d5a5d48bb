"""A server that never comes to an end: a byte every 0.1 s."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


class Drip:
    """Says something to whoever connects, then a byte every 0.1 s until the other end goes.

    Args:
        begin: what it says first.
        tls: what it shows.
    """

    def __init__(self, begin: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.begin = begin
        self.tls = tls
        self.port = 0
        self.talks: list[asyncio.Task[None] | None] = []

    async def answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())
        with suppress(OSError):
            writer.write(self.begin)
            while not writer.is_closing():
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen; at the end nobody may be connected any more."""
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield
            async with asyncio.timeout(5):
                await asyncio.gather(*(talk for talk in self.talks if talk is not None))
