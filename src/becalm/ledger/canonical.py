"""One value, one text: JSON written the same way by everyone, so that its hash means something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as quoted
from types import MappingProxyType, NoneType
from typing import Any, Final

from becalm.terms import EventError

GREATEST: Final = 2**53 - 1  # beyond it, programs that read numbers as doubles disagree
Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]


def canonical_json(value: Plain) -> str:
    r"""Write a value as the one text that stands for it.

    No spaces, keys in the order of their UTF-16 code units, only the escapes that JSON demands, whole
    numbers of at most 53 bits. Decimals are refused, for programs round them differently.

    >>> canonical_json({"b": [1, True, None], "a": "é\n"})
    '{"a":"é\\n","b":[1,true,null]}'

    Raises
    ------
    EventError
        where the value holds a decimal, too great a number, half a character or anything unknown.

    Source: RFC 8785 (JSON Canonicalization Scheme, 2020), without its section 3.2.2.3 on decimals.
    """
    text = _written(value)
    if not text.isascii():
        _require_whole_characters(text)
    return text


def _require_whole_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EventError(
            f"{text[:60]!r} holds half a character (at {error.start}), which no file can keep. Remove it."
        ) from error


def _written(value: object) -> str:
    """The text of a value; whatever has no single text is refused."""
    write = _WRITERS.get(type(value), _written_of_its_kind)
    return write(value)


def _written_of_its_kind(value: object) -> str:
    """The text of a value whose type is derived from one that has a text."""
    for kind in (str, int, tuple, list, Mapping):
        if isinstance(value, kind):
            return _WRITERS[kind](value)
    raise EventError(
        f"{value!r:.60} is a {type(value).__name__}, which has no single way to be written. "
        "Give text, a whole number (metres, seconds, hundredths), true, false, nothing, or a list of these."
    )


def _whole(value: int) -> str:
    if not -GREATEST <= value <= GREATEST:
        raise EventError(f"{value} is beyond {GREATEST}, where programs begin to round. Write it as text.")
    return int.__repr__(value)


def _list(values: Sequence[object]) -> str:
    return f"[{','.join(map(_written, values))}]"


def _object(pairs: Mapping[object, object]) -> str:
    """Names in the order of their UTF-16 code units, which is that of ASCII where all are."""
    names = [_name(name) for name in pairs]
    names.sort(key=None if "".join(names).isascii() else _utf16)
    return f"{{{','.join([f'{quoted(name)}:{_written(pairs[name])}' for name in names])}}}"


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise EventError(f"{key!r:.60} names a value, but is no text. Give names as text.")
    return key


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: quoted,
    int: _whole,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "null",
    tuple: _list,
    list: _list,
    dict: _object,
    MappingProxyType: _object,
    Mapping: _object,
}
