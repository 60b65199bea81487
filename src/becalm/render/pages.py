"""Pages as files: each one self-contained, in a folder that appears whole or not at all.

A page makes no request and runs no script; its one style sheet is named by hash.
"""

import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from becalm.formats.durable_files import make_private_folder, open_private
from becalm.render import number_format as words
from becalm.terms import UsageError

RECORD = "run.json"


def self_contained(template: str, functions: Mapping[str, object] | None = None, /, **values: object) -> str:
    """A page from one of our templates, with the style sheet in it and nothing fetched from anywhere.

    `functions` are what the templates of a job call beside the numbers of `words`.
    """
    style_css = style_sheet()
    style_digest = base64.b64encode(hashlib.sha256(style_css.encode()).digest()).decode()
    style = Markup(style_css)  # our own file, no text of a record
    return fill_template(template, functions, **values, style=style, style_hash=style_digest)


def fill_template(template: str, functions: Mapping[str, object] | None = None, /, **values: object) -> str:
    """A page from one of our templates, as it stands; every value is escaped."""
    page_template = _environment().get_template(template, globals={"words": words, **(functions or {})})
    return _tidy(page_template.render(**values)) + "\n"


@cache
def style_sheet() -> str:
    """The one style sheet of all pages and pictures."""
    return _tidy((files("becalm.render") / "template" / "briefing.css").read_text("utf-8"))


def picture_style() -> str:
    """The part of the style sheet that pictures need, for one that stands on its own."""
    style_css = style_sheet()
    colour_rules = style_css[: style_css.index("}") + 1]
    return f"{colour_rules}\n{style_css[style_css.index('svg text {') : style_css.index('table {')]}"


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


@dataclass(frozen=True, slots=True)
class FolderKind:
    """What is written: its name, the file by which an earlier one is known, and what may join it later."""

    name: str = "an earlier briefing"
    record: str = RECORD
    later_names: frozenset[str] = frozenset()


BRIEFING = FolderKind()


def write_folder(path: Path, texts: Mapping[str, str | bytes], *, kind: FolderKind = BRIEFING) -> None:
    """Write these files into a new folder beside `path`, then put it in its place, for its owner alone.

    A folder that is already there is replaced only if it is empty or an earlier one of its kind (it holds
    that kind's record and nothing that is not ours), and only once the new one is complete. A name may
    lie in a folder of its own ("units/team-1.html").

    Raises UsageError where `path` holds something else, or its parent cannot be written to.
    """
    path = path.absolute()
    check_folder_free(path, texts, kind=kind)
    try:
        make_private_folder(path.parent)
        fresh_folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}). Name another folder with `out`."
        ) from error
    try:
        for file_name, file_content in texts.items():
            file_path = fresh_folder / file_name
            make_private_folder(file_path.parent)
            with open(file_path, "wb", opener=open_private) as byte_stream:
                byte_stream.write(file_content.encode() if isinstance(file_content, str) else file_content)
                byte_stream.flush()
                os.fsync(byte_stream.fileno())
        _swap(fresh_folder, path)
    finally:
        shutil.rmtree(fresh_folder, ignore_errors=True)


def check_folder_free(path: Path, names: Iterable[str], *, kind: FolderKind = BRIEFING) -> None:
    """Refuse a folder that holds anything but an earlier one of its kind with these files."""
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file. Name a folder with `out`.")
    own_names = {PurePosixPath(name).parts[0] for name in names} | kind.later_names
    present_names = {entry.name for entry in path.iterdir()}
    if present_names and (kind.record not in present_names or present_names - own_names):
        strange_names_text = ", ".join(sorted(present_names - own_names)[:3]) or f"no {kind.record}"
        raise UsageError(
            f"{path} is not {kind.name} ({strange_names_text}), so it is not replaced. "
            "Name another folder with `out`, or move what it holds."
        )


def _swap(fresh_folder: Path, path: Path) -> None:
    """Put the new folder in place; a folder cannot be renamed over a full one, so the old one steps aside."""
    if not path.exists():
        fresh_folder.rename(path)
        return
    old_folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-old-"))
    path.rename(old_folder / "old")
    try:
        fresh_folder.rename(path)
    except OSError:
        (old_folder / "old").rename(path)
        raise
    finally:
        shutil.rmtree(old_folder, ignore_errors=True)
