"""`magray serve`: the service, on the embedded PostgreSQL unless a database is named."""

from __future__ import annotations

import asyncio
import gc
import shlex
import signal
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import rich_click as click
import uvicorn
import uvloop
from rich.console import Console

from service.app import make_app
from service.cli.listening import base_url, listen
from service.core.backend import open_backend
from service.core.database import connect
from service.core.keys import first_key
from service.core.logs import configure_logs
from service.core.memory import Operator
from service.core.settings import load_settings
from service.web.http_limits import LimitedHttp

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from service.core.backend import Backend
    from service.core.model.memories import Layer
    from service.core.settings import Settings

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TOGETHER = 1.0  # seconds in which several signals are one
_EXAMPLE_WRITE = '{"memories": [{"namespace": "demo", "content": "Ann moved to Lisbon in May."}]}'
_EXAMPLE_SEARCH = '{"namespace": "demo", "query": "Where does Ann live?"}'


@click.command()
@click.option("--host", help="Address to listen on; default 127.0.0.1.")
@click.option("--port", type=int, help="Port to listen on; default 8080, 0 takes a free one.")
@click.option(
    "--data-dir", type=click.Path(), help="Where the embedded database lives; default .magray."
)
@click.option("--database-url", help="Use this PostgreSQL 18 instead of the embedded one.")
def serve(**flags: str | int | None) -> None:
    """Run the service until it is told to stop (Ctrl-C)."""
    settings = load_settings(**flags)
    configure_logs(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    listener = listen(settings.host, settings.port)
    stop = _StopSignal()
    async with open_backend(settings, expects_one=False) as backend:
        if not stop.came:
            await _greet(backend, listener)
        # What is there now stays: the collector need not look at it in the midst of requests. It
        # looks for cycles less often, too: a request makes hundreds of objects and no cycle.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        config = uvicorn.Config(
            make_app(backend),
            http=partial(LimitedHttp, limits=settings.http),  # type: ignore[arg-type] # called
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=20,
            server_header=False,
        )
        await stop.serve(_Server(config), listener)


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn ends the process with them before the database is stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _StopSignal:
    """What the signals to stop do: the first stops everything in order.

    Those that come with it say the same: a terminal, a shell and a process manager often all send
    one. A later one waits for no request any more; another ends the process as it is, and the
    embedded PostgreSQL is stopped by its guard.
    """

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None
        self._first: float | None = None
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._stop)

    @property
    def came(self) -> bool:
        """Whether it is time to stop."""
        return self._first is not None

    async def serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        """Serve until the signal; not at all when it came already."""
        if not self.came:
            self._server = server
            await server.serve(sockets=[listener])

    def _stop(self, number: int, _: object) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            if self._server is not None:
                self._server.should_exit = True
        elif now - self._first > _TOGETHER:
            if self._server is None or self._server.force_exit:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            else:
                self._first = now
                self._server.force_exit = True


async def _greet(backend: Backend, listener: socket.socket) -> None:
    """Say where the service is, how to call it, and what a new user would not expect."""
    base = base_url(listener)
    key, lies = "$MAGRAY_API_KEY", ""
    server = backend.database.server
    if server is not None:
        path = server.data_dir / "key"
        async with connect(backend.database.url, role="memory_owner") as connection:
            found, made = await first_key(Operator(connection), backend.memory, path)
        key = found if made else f"$(cat {shlex.quote(str(path))})"
        lies = f"Data lie in {server.data_dir}. The key may do everything"
        lies += f", is shown this once and lies in {path}\n" if made else f" and lies in {path}\n"
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"MAGRAY Memory serves on {base}, documented at {base}/schema\n", markup=False)
    for route, body in (
        ("/v1/memories", _EXAMPLE_WRITE),
        ("/v1/search", _EXAMPLE_SEARCH),
    ):
        console.print(
            f'  curl {base}{route} -H "Authorization: Bearer {key}" \\\n'
            f"    -H 'Content-Type: application/json' \\\n    -d '{body}'\n",
            markup=False,
        )
    if lies:
        console.print(lies, markup=False)
    console.print(_lives(await backend.memory.layers("demo")), markup=False)


def _lives(layers: list[Layer]) -> str:
    """How long memories live: the example's expires with the shortest."""
    lives = [
        f"{_span(layer.ttl_seconds)} with kind {layer.kinds[0]}"
        for layer in layers[1:]
        if layer.kinds
    ]
    first = f"A memory without a kind lives {_span(layers[0].ttl_seconds)}"
    return f"{'; '.join([first, *lives])}: its expires_at says until when.\n"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "permanently"
    hours = seconds / 3600
    return f"for {hours:g} hours" if hours < 72 else f"for {hours / 24:g} days"
