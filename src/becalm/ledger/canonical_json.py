"""One value, one text: JSON written the same way by everyone, so that its hash means something."""

from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as quote
from types import MappingProxyType, NoneType
from typing import Any, Final

from becalm.terms import EventError

LARGEST_WHOLE: Final = 2**53 - 1  # beyond it, programs that read numbers as doubles disagree
JsonValue = str | int | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]


def canonical_json(value: JsonValue) -> str:
    r"""Write a value as the one text that stands for it.

    No spaces, keys in the order of their UTF-16 code units, only the escapes that JSON demands, whole
    numbers of at most 53 bits. Decimals are refused, for programs round them differently.

    >>> canonical_json({"b": [1, True, None], "a": "é\n"})
    '{"a":"é\\n","b":[1,true,null]}'

    Raises EventError where the value holds a decimal, too great a number, half a character or anything
    unknown.

    Source: RFC 8785 (JSON Canonicalization Scheme, 2020), without its section 3.2.2.3 on decimals.
    """
    json_text = _serialise(value)
    if json_text.isascii():
        return json_text
    try:
        # Half a surrogate pair can stand in a Python text, but not in UTF-8, which is hashed.
        json_text.encode()
    except UnicodeEncodeError as error:
        raise EventError(
            f"{json_text[:60]!r} holds half a character (at {error.start}), which no file can keep. "
            "Remove it."
        ) from error
    return json_text


def _serialise(value: object) -> str:
    """The text of a value; whatever has no single text is refused."""
    # By exact type: True is an int too, and every value of every event comes through here.
    return _SERIALISERS.get(type(value), _serialise_subclass)(value)


def _serialise_subclass(value: object) -> str:
    """The text of a value whose type is derived from one that has a text."""
    for base_type in (str, int, tuple, list, Mapping):
        if isinstance(value, base_type):
            return _SERIALISERS[base_type](value)
    raise EventError(
        f"{value!r:.60} is a {type(value).__name__}, which has no single way to be written. "
        "Give text, a whole number (metres, seconds, hundredths), true, false, nothing, or a list of these."
    )


def _serialise_whole(value: int) -> str:
    if not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
        raise EventError(
            f"{value} is beyond {LARGEST_WHOLE}, where programs begin to round. Write it as text."
        )
    return int.__repr__(value)


def _serialise_list(values: Sequence[object]) -> str:
    return f"[{','.join(map(_serialise, values))}]"


def _serialise_object(value_by_name: Mapping[object, object]) -> str:
    """Names in the order of their UTF-16 code units, which is that of ASCII where all are."""
    checked_names = [_check_name(key) for key in value_by_name]
    is_ascii = "".join(checked_names).isascii()
    checked_names.sort(key=None if is_ascii else lambda name: name.encode("utf-16-be", "surrogatepass"))
    return f"{{{','.join([f'{quote(name)}:{_serialise(value_by_name[name])}' for name in checked_names])}}}"


def _check_name(member_name: object) -> str:
    if not isinstance(member_name, str):
        raise EventError(f"{member_name!r:.60} names a value, but is no text. Give names as text.")
    return member_name


_SERIALISERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: quote,
    int: _serialise_whole,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "null",
    tuple: _serialise_list,
    list: _serialise_list,
    dict: _serialise_object,
    MappingProxyType: _serialise_object,
    Mapping: _serialise_object,
}
