"""A request: one question with all that it may be asked with, each field declared once.

From the fields of a request the commands make their options, the run record its entries and `becalm schema`
its JSON schema; pages and programs are served from the same declaration.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from becalm.terms.errors import Fault, UsageError

FileName = NewType("FileName", str)
"""The name of a file or folder, as the one who asks wrote it."""

RequestT = TypeVar("RequestT", bound="Request")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a field of a request is for, in which unit, between which bounds, and how a command line gives it.

    `low` and `high` are included. `name` stands where the field's own name is a word of Python ("from") or
    means another thing in another command, `former_name` is the option's name of before, which works for one
    more release, and `default_text` stands where the default is worked out later ("year before").
    """

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    metavar: str = ""
    name: str = ""
    former_name: str = ""
    short: str = ""
    default_text: str = ""
    remedy: str = ""  # what to give where a bound is broken, if "N or more" says too little
    is_argument: bool = False  # given without a name, by its place

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """What the JSON schema says of a field beside its type (read by formats.json_text)."""
        bounds = {"minimum": self.low, "maximum": self.high, "x-unit": self.unit or None}
        filled_bounds = {key: value for key, value in bounds.items() if value is not None}
        return {**handler(core_schema), "description": self.help, **filled_bounds}


class Request:
    """Base of all requests and of their parts: frozen dataclasses whose fields carry a `Parameter`.

    A field without one is a part: a request of its own, whose fields stand beside the others at every door.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        faults = tuple(_bound_faults(self))
        if faults:
            raise UsageError("The request cannot be answered as it stands", faults)


@dataclass(frozen=True, slots=True)
class RequestField:
    """One field at the end of its path through the parts: what a door shows as one option or one input."""

    path: tuple[str, ...]
    kind: Any  # str, int, float, bool, date, FileName or a Literal
    parameter: Parameter
    default: object  # dataclasses.MISSING where it must be given
    is_many: bool  # a tuple of such values
    is_optional: bool  # None where it is not given

    @property
    def name(self) -> str:
        """The field's own name, under which a fault speaks of it."""
        return self.path[-1]

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it takes; none where any will do."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def fields_of(request: type[Request]) -> tuple[RequestField, ...]:
    """Every field of a request and of its parts, in the order in which they are declared."""
    return tuple(_walk(request, ()))


def _walk(request: type[Request], path: tuple[str, ...]) -> Iterator[RequestField]:
    type_hints = get_type_hints(request, include_extras=True)
    for field in fields(request):  # type: ignore[arg-type]  # every subclass is a dataclass
        type_hint = type_hints[field.name]
        field_path = (*path, field.name)
        if get_origin(type_hint) is not Annotated:
            yield from _walk(type_hint, field_path)
            continue
        kind, parameter = get_args(type_hint)[:2]
        default_value = field.default if field.default_factory is MISSING else field.default_factory()
        inner_types = [arg for arg in get_args(kind) if arg is not type(None)]
        is_optional = get_origin(kind) in (UnionType, Union)
        if is_optional:
            (kind,) = inner_types
        is_many = get_origin(kind) is tuple
        yield RequestField(
            field_path, get_args(kind)[0] if is_many else kind, parameter, default_value, is_many, is_optional
        )


def build_request(request: type[RequestT], values: Mapping[str, object]) -> RequestT:
    """A request from the values of its fields by name; what is not named keeps its default."""
    type_hints = get_type_hints(request, include_extras=True)
    argument_by_field: dict[str, object] = {}
    for field in fields(request):  # type: ignore[arg-type]
        if get_origin(type_hints[field.name]) is not Annotated:
            argument_by_field[field.name] = build_request(type_hints[field.name], values)
        elif field.name in values:
            argument_by_field[field.name] = values[field.name]
    return request(**argument_by_field)


def request_values(request: Request) -> dict[str, object]:
    """The request as names and plain values, its parts nested: what a run record keeps of it."""
    return {field.name: _plain(getattr(request, field.name)) for field in fields(request)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, Request):
        return request_values(value)
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    return value.isoformat() if isinstance(value, date) else value


def _bound_faults(request: Request) -> Iterator[Fault]:
    for field in fields_of(type(request)):
        if len(field.path) > 1:  # parts have checked themselves
            continue
        value, parameter = getattr(request, field.name), field.parameter
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            if parameter.low is not None and not number >= parameter.low:
                yield Fault(
                    field.name, f"is {number:g}", parameter.remedy or f"give {parameter.low:g} or more"
                )
            elif parameter.high is not None and not number <= parameter.high:
                yield Fault(
                    field.name, f"is {number:g}", parameter.remedy or f"give {parameter.high:g} or less"
                )
