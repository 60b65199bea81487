"""`becalm schema`: what a question may be asked with, as a JSON schema for pages and programs."""

from __future__ import annotations

from typing import Annotated

import typer

from becalm.console.command import requests_below
from becalm.terms.errors import UsageError


def schema(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The command, e.g. find hotspots.")
    ],
) -> None:
    """Print the JSON schema of a command's request: each field with its type, unit, bounds and help."""
    from becalm.formats.json_text import json_text
    from becalm.formats.request_json import request_schema

    requests = dict(requests_below(context.find_root().command))
    request = requests.get(tuple(words))
    if request is None:
        known = "; ".join(" ".join(name) for name in sorted(requests))
        raise UsageError(f"No command {' '.join(words)!r} is asked with a request. There are: {known}.")
    typer.echo(json_text(request_schema(request)), nl=False)
