"""`magray`: the command line. Each command lives in a file of its own and is added here."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import psycopg
import rich_click as click
from rich.console import Console
from rich.markup import escape

from service.cli.entry import INTERRUPTED
from service.cli.reported import fault, run_reported
from service.core.errors import MagrayError
from service.core.report import OPTION

if TYPE_CHECKING:
    from click import Command, Context

# Name and place of every command, in the order of the help. Only the one that runs is imported:
# all of them take more than a second.
COMMANDS = {
    "serve": "service.cli.serve:serve",
    "jobs": "service.cli.jobs:jobs",
    "postgres": "service.cli.postgres:postgres",
    "demo": "service.cli.demo:demo",
    "migrate": "service.cli.migrate:migrate",
    "check": "service.cli.check:check",
    "psql": "service.cli.psql:psql",
    "train": "service.cli.train:train",
    "simulate": "service.cli.simulate:simulate",
    "import": "service.cli.transfer:import_command",
    "export": "service.cli.transfer:export_command",
    "archive": "service.cli.archive:archive",
    "forget": "service.cli.forget:forget",
    "backup": "service.cli.backup:backup",
    "restore": "service.cli.restore:restore",
    "keys": "service.cli.keys:keys",
    "logins": "service.cli.logins:logins",
    "bench": "service.cli.bench:bench",
    "sql": "service.cli.sql:sql",
}


class _Commands(click.RichGroup):
    def list_commands(self, ctx: Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        try:
            command: Command = getattr(import_module(module), name)
        except KeyboardInterrupt:  # click makes "Aborted." and 1 of it
            sys.exit(INTERRUPTED)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    OPTION,
    is_flag=True,
    expose_value=False,
    help="End with a line of JSON on standard error that says how it went; comes first.",
)
@click.version_option(package_name="magray-memory", prog_name="magray")
def magray() -> None:
    """The layered memory of AI assistants, as a PostgreSQL data service."""


def run() -> None:
    """The entry of the `magray` program: an error is a sentence and an exit code."""
    if sys.argv[1:2] == [OPTION]:
        run_reported(magray)
    try:
        magray()
    except (MagrayError, psycopg.Error) as error:
        code, told = fault(error)
        _tell(told.message, told.detail, told.hint)
        sys.exit(code)


def _tell(message: str, detail: str, hint: str) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]magray:[/] {escape(message)}", soft_wrap=True)
    if detail:
        console.print(detail, soft_wrap=True, markup=False)
    if hint:
        console.print(f"[green]try:[/] {escape(hint)}", soft_wrap=True)


if __name__ == "__main__":
    run()
