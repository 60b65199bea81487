"""Commands are made from requests: one option for each field, with its help, unit and bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import wraps
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer
from typer.core import TyperCommand

from becalm import terms

if TYPE_CHECKING:
    from becalm.console.emit import View
    from becalm.desk import Desk

RequestT = TypeVar("RequestT", bound=terms.Request)
AnswerT = TypeVar("AnswerT")
FIELD_IN_TEXT = re.compile(r"`(\w+)((?: [^`]*)?)`")  # `count`, or an example such as `floor Camden=3`


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
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One call of a command: where it works, how it answers, and whether it shows how far it has come."""

    context: typer.Context
    workspace: Path | None
    format: Format
    files: tuple[Path, ...]
    is_quiet: bool

    def open_desk(self) -> Desk:
        """The desk on the workspace that the caller named (made by the composition root)."""
        make_desk = cast("Callable[[Path | None], Desk]", self.context.obj)
        return replace(make_desk(self.workspace), progress=self.progress)

    @property
    def progress(self) -> terms.Progress:
        """Where long work shows how far it has come."""
        if self.is_quiet:
            return terms.silent_progress
        from becalm.console.screen import progress_bar

        return progress_bar

    def check_endings(self, endings: tuple[str, ...]) -> None:
        """Refuse a file that cannot be written before the work is done that would be lost on its name."""
        if self.files:
            from becalm.console.emit import check_ending

            for file in self.files:
                check_ending(file, endings)

    def emit(self, answer: AnswerT, view: View[AnswerT]) -> None:
        """Print the answer in the format that was chosen, and write the files that were named."""
        from becalm.console.emit import emit_answer

        emit_answer(answer, view, self.format, self.files)


def command(
    app: typer.Typer,
    name: str,
    request: type[RequestT],
    *,
    has_workspace: bool = True,
    has_files: bool = True,
    endings: tuple[str, ...] = (".json", ".csv", ".xlsx"),
    **defaults: object,
) -> Callable[[Callable[[Session, RequestT], None]], Callable[[Session, RequestT], None]]:
    """Hang a function on the app as the command `name`, with an option for each field of its request.

    `has_files` gives it --out, for files with these endings; a request that declares an `out` of its own
    means something else by it.
    `defaults` are this command's own, by field. What the function refuses speaks of fields; the caller is
    told the options.
    """
    request_fields = terms.fields_of(request)
    option_names_by_field = option_names(request_fields)

    def decorate(function: Callable[[Session, RequestT], None]) -> Callable[[Session, RequestT], None]:
        @wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            session = Session(
                context,
                workspace=values.pop("workspace", None),
                format=values.pop("format"),
                files=tuple(values.pop("out", None) or ()) if has_files else (),
                is_quiet=values.pop("quiet"),
            )
            try:
                value_by_field = {
                    field.name: tuple(map(_plain, values[field.name] or ()))
                    if field.is_many
                    else _plain(values[field.name])
                    for field in request_fields
                }
                session.check_endings(endings)
                function(session, terms.build_request(request, value_by_field))
            except terms.BecalmError as error:
                raise error.reworded(lambda text: name_options(text, option_names_by_field)) from error

        field_arguments = [
            _argument(field, defaults.get(field.name, field.default), option_names_by_field)
            for field in request_fields
        ]
        shared_arguments = _shared_arguments(
            has_workspace=has_workspace, endings=endings if has_files else ()
        )
        typer_arguments = [_keyword("context", typer.Context), *field_arguments, *shared_arguments]
        run.__signature__ = Signature(typer_arguments)  # type: ignore[attr-defined]  # what Typer reads
        run.__annotations__ = {argument.name: argument.annotation for argument in typer_arguments}
        run.request = request  # type: ignore[attr-defined]  # what `becalm schema` reads
        app.command(name, cls=_accept_former_names(request_fields, option_names_by_field))(run)
        return function

    return decorate


def _accept_former_names(
    request_fields: tuple[terms.RequestField, ...], option_by_field: Mapping[str, str]
) -> type[TyperCommand]:
    """A command that takes options under their names of before too, and says what they are called now."""
    option_by_former_name = {
        f"--{field.parameter.former_name}": option_by_field[field.name]
        for field in request_fields
        if field.parameter.former_name
    }

    class RenamedCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            try:
                return super().parse_args(ctx, [rename(argument) for argument in args])
            except typer.BadParameter as error:
                error.message = error.message.removeprefix("Value error, ")  # the library's word, not ours
                raise

    def rename(argument: str) -> str:
        former_name, equals_sign, value = argument.partition("=")
        option_name = option_by_former_name.get(former_name)
        if option_name is None:
            return argument
        typer.echo(
            f"Note: {former_name} is called {option_name} now; the old name works until 0.2.", err=True
        )
        return f"{option_name}{equals_sign}{value}"

    return RenamedCommand


def option_names(request_fields: tuple[terms.RequestField, ...]) -> Mapping[str, str]:
    """How each field is named on the command line."""
    return {field.name: _option_name(field) for field in request_fields} | {
        "workspace": "--workspace",
        "format": "--format",
        "by": "--by",  # of `becalm measure compare`, to which other commands point
    }


def name_options(text: str, option_by_field: Mapping[str, str]) -> str:
    """A text that speaks of fields in backticks (or is a field's name), speaking of options instead.

    >>> name_options("Give `floor Camden=3`, not `floor`.", {"floor": "--floor"})
    'Give --floor Camden=3, not --floor.'
    >>> name_options("Ask `becalm find overrides`.", {"floor": "--floor"})
    'Ask `becalm find overrides`.'
    """

    def rename(match: re.Match[str]) -> str:
        return f"{option_by_field[match[1]]}{match[2]}" if match[1] in option_by_field else match[0]

    return option_by_field.get(text) or FIELD_IN_TEXT.sub(rename, text)


def requests_below(
    group: Any, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type[terms.Request]]]:
    """The request of every command below this group, with the words that call it."""
    for command_name, subcommand in sorted(getattr(group, "commands", {}).items()):
        yield from requests_below(subcommand, (*words, command_name))
    request_class = getattr(group.callback, "request", None)
    if request_class is not None:
        yield words, request_class


def _option_name(field: terms.RequestField) -> str:
    option_name = field.parameter.name or field.name.replace("_", "-")
    return (
        (field.parameter.metavar or option_name.upper())
        if field.parameter.is_argument
        else f"--{option_name}"
    )


def _argument(field: terms.RequestField, default: object, option_by_field: Mapping[str, str]) -> Argument:
    """The field as an argument of the function that Typer sees."""
    field_parameter = field.parameter
    value_type = {terms.FileName: Path, date: datetime}.get(field.kind, field.kind)
    option_settings: dict[str, Any] = {
        "help": name_options(field_parameter.help, option_by_field),
        "metavar": field_parameter.metavar or None,
    }
    if field.kind is date:
        option_settings |= {"formats": ["%Y-%m-%d"]}
    if (
        value_type in (int, float) and not field_parameter.remedy
    ):  # else the request refuses, in its own words
        option_settings |= {"min": field_parameter.low, "max": field_parameter.high}
    is_default_empty = default is MISSING or default in (None, (), "")
    if field_parameter.default_text or is_default_empty:
        option_settings |= {"show_default": field_parameter.default_text or False}
    type_hint = list[value_type] if field.is_many else value_type  # type: ignore[valid-type]
    if field.is_optional or (field.is_many and default is not MISSING):
        type_hint = type_hint | None
    if default is MISSING or (field.is_many and not default):
        default = Argument.empty if default is MISSING else None
    if field_parameter.is_argument:
        return _keyword(field.name, Annotated[type_hint, typer.Argument(**option_settings)], default)
    option_spellings = [
        _option_name(field),
        *([f"-{field_parameter.short}"] if field_parameter.short else []),
    ]
    return _keyword(
        field.name, Annotated[type_hint, typer.Option(*option_spellings, **option_settings)], default
    )


def _plain(value: Any) -> object:
    """What Typer read, as the request holds it."""
    if isinstance(value, datetime):
        return value.date()
    return str(value) if isinstance(value, Path) else value


def _shared_arguments(*, has_workspace: bool, endings: tuple[str, ...]) -> Iterator[Argument]:
    if endings:
        out_help = f"Also write the answer to this file ({', '.join(endings)}). May be given again."
        out_option = typer.Option("--out", "-o", metavar="FILE", help=out_help, show_default=False)
        yield _keyword("out", Annotated[list[Path] | None, out_option], None)
    if has_workspace:
        yield _keyword("workspace", WorkspaceOption, None)
    yield _keyword("format", FormatOption, Format.table)
    yield _keyword("quiet", QuietOption, False)


def _keyword(name: str, type_hint: Any, default: object = Argument.empty) -> Argument:
    return Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=type_hint)
