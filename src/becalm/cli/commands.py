"""Which commands there are. Modules named here import nothing heavy until a command runs."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang every command on the app."""
    from becalm.cli import find, find_explain, ingest, init, measure, patrol, record, run, simulate

    app.command("init")(init.init)
    app.add_typer(ingest.app, name="ingest")
    app.add_typer(measure.app, name="measure")
    find_explain.register(find.app)
    app.add_typer(find.app, name="find")
    app.add_typer(patrol.app, name="patrol")
    app.add_typer(record.app, name="record")
    app.command("run")(run.run)
    app.command("simulate")(simulate.simulate)
