"""The composition root of the command line: the one place that reads the environment and picks a store."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from becalm import __version__
from becalm.terms import BecalmError, UsageError

if TYPE_CHECKING:
    from becalm.desk import Desk
    from becalm.ledger import Ledger
    from becalm.ledger.store.postgres_setup import PreparedServer
    from becalm.workspace.config import Workspace


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
    "keep a ledger, and write the weekly briefing.",
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
    context.obj = open_desk


def _register_commands() -> None:
    """Hang every command on the app. Modules named here import nothing heavy until a command runs."""
    from becalm.app import init, schema, status
    from becalm.brief import cli as run
    from becalm.find.cli import app as find
    from becalm.ingest import cli as ingest
    from becalm.measure import cli as measure
    from becalm.patrol.cli import commands as patrol
    from becalm.record.cli import commands as record
    from becalm.simulate import cli as simulate

    init.register(app)
    status.register(app)
    app.add_typer(ingest.app, name="ingest")
    app.add_typer(measure.app, name="measure")
    app.add_typer(find, name="find")
    app.add_typer(patrol.app, name="patrol")
    app.add_typer(record.app, name="record")
    for joint in (run, simulate, schema, ingest):
        joint.register(app)


_register_commands()


def open_desk(workspace: Path | None) -> Desk:
    """Put a desk together: workspace, archive on its engine, actor, clock and seeds."""
    import secrets
    from datetime import UTC, datetime

    from becalm.archive.parquet import ParquetArchive, connect
    from becalm.desk import Desk
    from becalm.workspace.config import open_workspace

    opened_workspace = open_workspace(workspace or Path(os.environ.get("BECALM_WORKSPACE", ".")))
    engine_name = os.environ.get("BECALM_ENGINE", opened_workspace.config.archive.engine)
    return Desk(
        workspace=opened_workspace,
        archive=ParquetArchive(opened_workspace.archive_path, lambda: connect(engine_name)),
        actor=os.environ.get("BECALM_ACTOR") or name_user(),
        now=lambda: datetime.now(UTC),
        draw_seed=lambda: secrets.randbits(63),
        draw_key=lambda: secrets.token_bytes(32),
        role=os.environ.get("BECALM_ROLE") or "user",
        open_ledger=cache(lambda: open_ledger(opened_workspace)),
        ledger_file=None if ledger_url(opened_workspace) else opened_workspace.ledger_path,
        prepare_ledger=lambda owner_url: prepare_ledger(opened_workspace, owner_url),
    )


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


def open_ledger(workspace: Workspace) -> Ledger:
    """Open the ledger of this workspace: on the server that is named, else in a file (made if missing)."""
    import secrets
    from datetime import UTC, datetime

    from becalm.app.events import EVENT_KINDS, FOLDS
    from becalm.ledger import KnownOutside
    from becalm.ledger.anchors import AnchorSettings, read_endings, read_newest_anchors

    def outside(label: str) -> KnownOutside:
        places, settings = workspace.config.ledger.anchors, AnchorSettings(workspace.path, label)
        return KnownOutside(read_newest_anchors(places, settings), read_endings(places, settings))

    if url := ledger_url(workspace):
        from becalm.ledger.store.postgres import PostgresLedger, memo_name

        memo_path = workspace.path / memo_name(url)
        return PostgresLedger(
            url,
            draw_salt=lambda: secrets.token_bytes(32),
            kinds=EVENT_KINDS,
            folds=FOLDS,
            memo=memo_path,
            outside=outside(memo_path.stem),
        )
    from becalm.ledger.store.sqlite import SqliteLedger

    return SqliteLedger(
        workspace.ledger_path,
        now=lambda: datetime.now(UTC),
        draw_salt=lambda: secrets.token_bytes(32),
        kinds=EVENT_KINDS,
        folds=FOLDS,
        outside=outside(workspace.ledger_path.stem),
    )


def ledger_url(workspace: Workspace) -> str:
    """Which server keeps the ledger? Empty where none does."""
    return os.environ.get("BECALM_LEDGER", workspace.config.ledger.url)


def prepare_ledger(workspace: Workspace, owner_url: str) -> PreparedServer:
    """Make the server of this workspace's ledger ready, as its owner."""
    import secrets

    from becalm.ledger.store.postgres_setup import prepare_server

    return prepare_server(owner_url, ledger_url(workspace), draw_identity=lambda: secrets.token_hex(16))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
