"""The options that every command takes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from becalm.desk import Desk


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace folder. Without it: BECALM_WORKSPACE, else the current folder.",
        show_default=False,
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print the answer.")]


def desk_of(context: typer.Context, workspace: Path | None) -> Desk:
    """Open the desk on the workspace that the caller named (made by the composition root)."""
    return cast("Callable[[Path | None], Desk]", context.obj)(workspace)
