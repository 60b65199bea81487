"""The one way in which answers are written as JSON: indented, signs of every script as they are."""

from __future__ import annotations

import json


def json_text(value: object) -> str:
    """A value as JSON for people and programs; what JSON has no word for becomes its text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
