"""Options that several commands share are declared once, as the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

Command = Callable[..., None]


def with_options(
    shared: type, argument: str, *, without: tuple[str, ...] = (), **defaults: object
) -> Callable[[Command], Command]:
    """Give a command the options of dataclass `shared` in the place of its argument of this name.

    `without` leaves some of them out, and `defaults` are this command's own.
    """

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        given = get_type_hints(shared, include_extras=True)
        kept = [f for f in fields(shared) if f.name not in without]
        parameters: list[Parameter] = []
        for own in signature(command).parameters.values():
            if own.name == argument:
                parameters += [_option(f, given[f.name], defaults) for f in kept]
            else:
                parameters.append(own.replace(annotation=hints[own.name], kind=Parameter.KEYWORD_ONLY))

        @wraps(command)
        def run(**options: Any) -> None:
            asked = shared(**{f.name: options.pop(f.name) for f in kept})
            command(**{argument: asked}, **options)

        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _option(option: Field[Any], annotation: object, defaults: Mapping[str, object]) -> Parameter:
    usual = Parameter.empty if option.default is MISSING else option.default
    default = defaults.get(option.name, usual)
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
