"""Settings of the manual as a site: `make site` builds it into build/site with Sphinx, every asset local."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from posixpath import normpath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OUTWARD_LINK = re.compile(r"\]\((?P<path>\.\./[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
# The first page lists the manual in words; Sphinx wants the same as a tree for the side of the page.
TREE = """
```{{toctree}}
:hidden:
:glob:
:caption: {caption}

{entries}
```
"""
TREES = {
    "Begin here": "tutorial",
    "How to": "how-to/*",
    "Understand": "explanation/*\narchitecture\ndecisions/README",
    "Look up": "reference/*",
}

project = "becalm"
author = PROJECT["authors"][0]["name"]
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["notebooks", "pictures"]
html_theme = "furo"
html_title = "becalm"
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["notebooks"]
myst_heading_anchors = 4


def setup(app: Any) -> None:
    """Have Sphinx ask `prepare` about each page."""
    app.connect("source-read", prepare)


def prepare(_: Any, name: str, source: list[str]) -> None:
    """Lead links that leave docs/ to the repository, and give the first page its tree."""
    folder = Path("docs") / Path(name).parent
    text = OUTWARD_LINK.sub(lambda link: lead_outward(folder, link), source[0])
    if name == root_doc:
        text += "".join(TREE.format(caption=c, entries=e) for c, e in TREES.items())
    if name == "decisions/README":
        text += TREE.format(caption="Decisions", entries="0*")
    source[0] = text


def lead_outward(folder: Path, link: re.Match[str]) -> str:
    """The link as it is where it stays within docs/, else to the file in the repository."""
    path = normpath(f"{folder.as_posix()}/{link['path']}")
    if path.startswith("docs/"):
        return link[0]
    return f"]({PROJECT['urls']['Source']}/blob/main/{path}{link['anchor'] or ''})"
