"""`becalm record`: what was done, what came of it, and the proof that it was not altered."""

from __future__ import annotations

import typer

from becalm.record.cli import (
    ask as record_ask,
)
from becalm.record.cli import (
    init as record_init,
)
from becalm.record.cli import (
    keep as record_keep,
)
from becalm.record.cli import (
    people as record_people,
)
from becalm.record.cli import (
    verify as record_verify,
)
from becalm.record.cli import (
    write as record_write,
)

app = typer.Typer(
    no_args_is_help=True,
    help="What was done, what came of it, and the proof that it was not altered.",
)
app.command("arrests")(record_ask.arrests)
app.command("events")(record_ask.events)
app.command("show")(record_ask.show)
app.command("add")(record_write.add)
app.command("import")(record_write.import_log)
app.command("correct")(record_write.correct)
app.command("withdraw")(record_write.withdraw)
app.command("access")(record_people.access)
app.command("erase")(record_people.erase)
app.command("rebuild")(record_keep.rebuild)
app.command("backup")(record_keep.backup)
app.command("restore")(record_keep.restore)
app.command("verify")(record_verify.verify)
app.command("head")(record_verify.head)
app.command("checkpoint")(record_verify.checkpoint)
app.command("export")(record_verify.export)
app.command("init")(record_init.init)
