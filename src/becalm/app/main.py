"""The composition root of the command line: the one place that reads the environment and picks a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

from becalm import __version__
from becalm.terms import BecalmError, LedgerError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from becalm.desk import Caller, Desk
    from becalm.ledger import Ledger
    from becalm.ledger.store.postgres_rights import KindRight
    from becalm.ledger.store.postgres_setup import PreparedServer
    from becalm.rehearse.runner import CommandAnswer
    from becalm.tables import Archive
    from becalm.workspace.config import Workspace


AtEnd = Callable[[Callable[[], object]], object]
INTERRUPTED_EXIT_CODE = 130  # what shells give a program that was interrupted


class Root(TyperGroup):
    """The command group that turns every known failure into a clear message and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BecalmError as error:
            typer.echo(f"becalm: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as stop:
            typer.echo("becalm: stopped; nothing was left half finished", err=True)
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from stop


app = typer.Typer(
    name="becalm",
    cls=Root,
    help="Run a city-wide violence-reduction programme: measure change, find hotspots, plan patrols, "
    "evaluate what was done, keep a ledger, and write the weekly briefing.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"becalm {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    _version: bool = typer.Option(
        False, "--version", "-v", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Run a city-wide violence-reduction programme."""
    context.obj = partial(context.obj or open_desk, at_end=context.call_on_close)


def _register_commands() -> None:
    """Hang every command on the app. Modules named here import nothing heavy until a command runs."""
    from becalm.app import init, schema, serve, status
    from becalm.brief import cli as run
    from becalm.divert.cli import commands as divert
    from becalm.evaluate import cli as evaluate
    from becalm.find.cli import app as find
    from becalm.ingest import cli as ingest
    from becalm.measure import cli as measure
    from becalm.patrol.cli import commands as patrol
    from becalm.record.cli import commands as record
    from becalm.rehearse import cli as rehearse
    from becalm.simulate import cli as simulate
    from becalm.staff.cli import commands as staff
    from becalm.sustain.cli.commands import app as sustain

    init.register(app)
    status.register(app)
    app.add_typer(ingest.app, name="ingest")
    app.add_typer(measure.app, name="measure")
    app.add_typer(find, name="find")
    app.add_typer(patrol.app, name="patrol")
    app.add_typer(divert.app, name="divert")
    app.add_typer(staff.app, name="staff")
    app.add_typer(evaluate.app, name="evaluate")
    app.add_typer(record.app, name="record")
    app.add_typer(sustain, name="sustain")
    for joint in (run, simulate, schema, serve):
        joint.register(app)
    rehearse.register(app, run_command)


def call_from_outside() -> Caller:
    """Who calls, by the system: its user, its clock and its chance."""
    import secrets
    from datetime import UTC, datetime

    from becalm.desk import Caller

    return Caller(
        actor=os.environ.get("BECALM_ACTOR") or name_user(),
        now=lambda: datetime.now(UTC),
        draw_key=lambda: secrets.token_bytes(32),
        draw_seed=lambda: secrets.randbits(63),
    )


def open_desk(workspace: Path | None, at_end: AtEnd | None = None, *, caller: Caller | None = None) -> Desk:
    """Put a desk together: workspace, archive on its engine, actor, clock and seeds.

    `at_end` takes what is to be done when the command ends; without a `caller` it is the system's user.
    """
    from becalm.desk import Desk
    from becalm.workspace.config import open_workspace

    source = caller or call_from_outside()

    opened_workspace = open_workspace(workspace or Path(os.environ.get("BECALM_WORKSPACE", ".")))
    if caller is None:
        check_declared_actor(opened_workspace)
    engine_name = os.environ.get("BECALM_ENGINE", opened_workspace.config.archive.engine)
    return Desk(
        workspace=opened_workspace,
        archive=cast("Archive", _LateArchive(opened_workspace, engine_name)),
        actor=source.actor,
        now=source.now,
        draw_seed=source.draw_seed,
        draw_key=source.draw_key,
        role=os.environ.get("BECALM_ROLE") or "user",
        open_ledger=cache(lambda: open_ledger(opened_workspace, at_end, now=source.now)),
        ledger_file=None if ledger_url(opened_workspace) else opened_workspace.ledger_path,
        protected_url=os.environ.get("BECALM_PROTECTED", ""),
        prepare_ledger=lambda owner_url: prepare_ledger(opened_workspace, owner_url),
        enforce_rights=lambda owner_url, rights: enforce_rights(opened_workspace, owner_url, rights),
    )


class _LateArchive:
    """The archive, whose engine takes half a second to load, opened by the first question to it."""

    def __init__(self, workspace: Workspace, engine_name: str) -> None:
        self._workspace, self._engine_name = workspace, engine_name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._archive, name)

    @cached_property
    def _archive(self) -> Archive:
        from becalm.archive.parquet import ParquetArchive, connect

        return ParquetArchive(self._workspace.archive_path, lambda: connect(self._engine_name))


def check_declared_actor(workspace: Workspace) -> None:
    """Refuse BECALM_ACTOR where accounts exist: people prove who they are then, and nobody declares it."""
    if not os.environ.get("BECALM_ACTOR"):
        return
    from becalm.app.store.declared_actor import has_accounts

    if has_accounts(workspace.path, ledger_url(workspace)):
        raise UsageError(
            "BECALM_ACTOR is set, but this workspace has accounts: whoever acts must prove who they are. "
            "Unset it, and work under your own login, or sign in to the pages."
        )


def provider_secret() -> str:
    """The secret by which a provider of sign-ins knows the pages; empty where a file holds it."""
    return os.environ.get("BECALM_OIDC_SECRET", "")


def name_user() -> str:
    """Who is logged in; raises UsageError where the system does not know (a container, a service)."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UsageError(
            "The system does not say who you are. Set BECALM_ACTOR to your name or staff number, e.g. "
            "`export BECALM_ACTOR=a.analyst`."
        ) from error


def open_ledger(
    workspace: Workspace, at_end: AtEnd | None = None, *, now: Callable[[], datetime] | None = None
) -> Ledger:
    """Open the ledger of this workspace: on the server that is named, else in a file (made if missing).

    When the command ends, the workspace remembers how far the ledger went. Without `now` the clock is the
    system's.
    """
    import secrets
    from datetime import UTC, datetime

    from becalm.app.events import EVENT_KINDS, FOLDS
    from becalm.ledger.known_head import know_outside, remember_head

    ledger: Ledger
    draw_salt, places = partial(secrets.token_bytes, 32), workspace.config.ledger.anchors
    if url := ledger_url(workspace):
        from becalm.ledger.store.postgres import PostgresLedger, memo_name

        memo_path = workspace.path / memo_name(url)
        outside_heads = know_outside(workspace.path, places, label=memo_path.stem)
        ledger = PostgresLedger(
            url, draw_salt=draw_salt, kinds=EVENT_KINDS, folds=FOLDS, memo=memo_path, outside=outside_heads
        )
    else:
        from becalm.ledger.store.sqlite import SqliteLedger

        ledger = SqliteLedger(
            workspace.ledger_path,
            now=now or (lambda: datetime.now(UTC)),
            draw_salt=draw_salt,
            kinds=EVENT_KINDS,
            folds=FOLDS,
            outside=know_outside(workspace.path, places, label=workspace.ledger_path.stem),
            payload_key=lambda may_draw: read_details_key(workspace, draw_salt, may_draw=may_draw),
        )
    (at_end or (lambda _: None))(partial(remember_head, workspace.path, ledger))
    return ledger


def read_details_key(workspace: Workspace, draw_key: Callable[[], bytes], *, may_draw: bool) -> bytes:
    """The key that enciphers personal details in a file: from the environment, a command, or its own file.

    Raises LedgerError where it is lost or cannot be read.
    """
    import shlex
    import subprocess

    from becalm.ledger.store.payloads import read_payload_key

    settings, key_text = workspace.config.ledger, os.environ.get("BECALM_DETAILS_KEY", "")
    key_source_text = "The variable BECALM_DETAILS_KEY"
    try:
        if not key_text and settings.details_key_command:
            key_source_text = (
                f"The command {settings.details_key_command!r}, under [ledger] details_key_command,"
            )
            command_words = shlex.split(settings.details_key_command)
            key_text = subprocess.run(command_words, capture_output=True, text=True, check=True).stdout
        if not key_text:
            return read_payload_key(workspace.path / settings.details_key, draw_key, may_draw=may_draw)
        return bytes.fromhex(key_text.strip())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LedgerError(
            f"{key_source_text} gave no key of personal details ({type(error).__name__}). It must "
            "give 64 hex digits. "
            "Without the key nobody can read the details; the entries are not affected."
        ) from error


def ledger_url(workspace: Workspace) -> str:
    """Which server keeps the ledger? Empty where none does."""
    return os.environ.get("BECALM_LEDGER", workspace.config.ledger.url)


def prepare_ledger(workspace: Workspace, owner_url: str) -> PreparedServer:
    """Make the server of this workspace's ledger ready, as its owner."""
    import secrets

    from becalm.ledger.store.postgres_setup import prepare_server

    return prepare_server(owner_url, ledger_url(workspace), draw_identity=lambda: secrets.token_hex(16))


def enforce_rights(workspace: Workspace, owner_url: str, rights: Sequence[KindRight]) -> tuple[str, ...]:
    """Have the server of this workspace's ledger enforce who may do what; the groups that it knows."""
    from becalm.ledger.store import postgres_rights

    if not ledger_url(workspace):
        raise LedgerError(
            "This workspace keeps its ledger in a file: who may do what is declared there, and nothing can "
            "enforce it. Move the ledger to a PostgreSQL server first (docs: keep the ledger on PostgreSQL)."
        )
    return postgres_rights.enforce_rights(owner_url, rights)


def run_command(arguments: Sequence[str], caller: Caller) -> CommandAnswer:
    """Run one command line in this process, at the caller's time and with the caller's chance."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    from click import ClickException

    from becalm.rehearse.runner import CommandAnswer

    if os.environ.get("BECALM_LEDGER"):
        raise UsageError(
            "BECALM_LEDGER names a real ledger, and a rehearsed year has its own. Unset it for a rehearsal."
        )
    out, message = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(message):
        try:
            exit_code = _click_command().main(
                list(arguments), obj=partial(open_desk, caller=caller), standalone_mode=False
            )
        except ClickException as error:
            error.show(message)
            exit_code = error.exit_code
    return CommandAnswer(tuple(arguments), int(exit_code or 0), out.getvalue(), message.getvalue())


@cache
def _click_command() -> Any:
    return typer.main.get_command(app)


_register_commands()


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
