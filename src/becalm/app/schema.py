"""`becalm schema`: what a question may be asked with, as a JSON schema for pages and programs."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated

import typer

from becalm.console.command import Session, command, requests_below
from becalm.terms import Parameter, Request, UsageError, fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRequest(Request):
    """Which command's request is described?"""

    words: Annotated[
        tuple[str, ...],
        Parameter("The command, e.g. find hotspots.", metavar="COMMAND...", is_argument=True),
    ]


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "schema", SchemaRequest, has_workspace=False, has_files=False)
    def schema(session: Session, request: SchemaRequest) -> None:
        """Print the JSON schema of a command's request: each field with its type, unit, bounds and help."""
        from becalm.console.emit import View
        from becalm.formats.json_text import json_text, request_schema

        request_by_words = dict(requests_below(session.context.find_root().command))
        if request.words not in request_by_words:
            command_list_text = "; ".join(" ".join(words) for words in sorted(request_by_words))
            raise UsageError(
                f"There is no command {' '.join(request.words)!r}. Commands: {command_list_text}."
            )
        request_class = request_by_words[request.words]
        view: View[Mapping[str, object]] = View(
            data=lambda schema: schema,
            rows=lambda _: _rows(request_class),
            lines=lambda schema: json_text(schema).splitlines(),
        )
        session.emit(request_schema(request_class), view)


def _rows(request_class: type[Request]) -> Iterable[Mapping[str, object]]:
    for field in fields_of(request_class):
        parameter = field.parameter
        yield {
            "field": ".".join(field.path),
            "unit": parameter.unit,
            "low": parameter.low,
            "high": parameter.high,
            "default": None if field.default is MISSING else field.default,
            "help": parameter.help,
        }
