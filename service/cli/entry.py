"""The entry of the `magray` program: Ctrl-C ends it quietly from its first moment on."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130  # as a shell says it of a program ended by SIGINT


def run() -> None:
    """Import the command line, which takes half a second, and run it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where it is ignored (nohup)
        # at once: an exception in the midst of an import shows a traceback, or is swallowed
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from service.cli.main import run as run_command

    signal.signal(signal.SIGINT, before)
    try:
        run_command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
