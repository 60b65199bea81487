"""The shell of every page: one self-contained file; no request, no script, one style sheet named by hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from becalm.render import number_format as words


def self_contained(template: str, functions: Mapping[str, object] | None = None, /, **values: object) -> str:
    """A page from one of our templates, with the style sheet in it and nothing fetched from anywhere.

    `functions` are what the templates of a job call beside the numbers of `words`.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page_template = _environment().get_template(template, globals={"words": words, **(functions or {})})
    page = page_template.render(
        **values, style=Markup(style), style_hash=digest
    )  # our own file, no text of a record
    return _tidy(page) + "\n"


@cache
def _style() -> str:
    return _tidy((files("becalm.render") / "template" / "briefing.css").read_text("utf-8"))


def _tidy(text: str) -> str:
    """The lines that hold something. Done to the style sheet first, so that its hash survives the page."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("becalm.render", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
