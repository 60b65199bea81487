"""A mapping as TOML text that a person can read and correct."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Value = str | bool | int | Sequence["Value"] | Mapping[str, str]
Table = dict[str, Value]

HEAD = """\
# A proposal by `becalm ingest map`. Settle each doubt, correct the mapping, and remove the doubt;
# with no doubts left, the file is read by this mapping.
"""


def toml_text(head: Table, parts: Mapping[str, Table], unused: Sequence[str]) -> str:
    """The mapping; what stands under no part goes to the head, and unused columns are told as remarks."""
    lines = [HEAD.rstrip(), "", *_entries({**head, **parts.get("", {})})]
    for name, table in parts.items():
        if name and table:
            lines += ["", f"[{name}]", *_entries(table)]
    if unused:
        lines += [
            "",
            "# Columns that are not read, and their first values:",
            *(f"#   {_bare(u)}" for u in unused),
        ]
    return "\n".join(lines) + "\n"


def _entries(table: Table) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Value) -> str:
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_text(k)} = {_text(v)}" for k, v in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int):
        return json.dumps(value)
    inner = [_value(v) for v in value]
    flat = f"[{', '.join(inner)}]"
    return flat if len(flat) < 90 else "[\n" + "".join(f"  {v},\n" for v in inner) + "]"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bare(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
