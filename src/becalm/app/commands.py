"""Which commands there are. Modules named here import nothing heavy until a command runs."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang every command on the app."""
    from becalm.app import init, schema
    from becalm.brief import cli as run
    from becalm.find.cli import app as find
    from becalm.ingest import cli as ingest
    from becalm.measure import cli as measure
    from becalm.patrol.cli import commands as patrol
    from becalm.record.cli import commands as record
    from becalm.simulate import cli as simulate

    init.register(app)
    app.add_typer(ingest.app, name="ingest")
    app.add_typer(measure.app, name="measure")
    app.add_typer(find, name="find")
    app.add_typer(patrol.app, name="patrol")
    app.add_typer(record.app, name="record")
    run.register(app)
    simulate.register(app)
    schema.register(app)
