"""One value, one text: JSON written the same way by everyone, so that its hash means something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import JSONEncoder
from typing import Final, cast

from becalm.terms.errors import EventError

GREATEST: Final = 2**53 - 1  # beyond it, programs that read numbers as doubles disagree
Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
    text = _encode(_ordered(value))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EventError(
            f"{text[:60]!r} holds half a character (at {error.start}), which no file can keep. Remove it."
        ) from error
    return text


def _ordered(value: object) -> object:
    """The same value with its keys in order; whatever has no single text is refused."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return _small(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {_name(key): _ordered(pairs[key]) for key in sorted(pairs, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_ordered(part) for part in cast("Sequence[object]", value)]
    raise EventError(
        f"{value!r:.60} is a {type(value).__name__}, which has no single way to be written. "
        "Give text, a whole number (metres, seconds, hundredths), true, false, nothing, or a list of these."
    )


def _small(value: int) -> int:
    if abs(value) > GREATEST:
        raise EventError(f"{value} is beyond {GREATEST}, where programs begin to round. Write it as text.")
    return value


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise EventError(f"{key!r:.60} names a value, but is no text. Give names as text.")
    return key


def _utf16(key: object) -> bytes:
    return _name(key).encode("utf-16-be", "surrogatepass")
