"""Nothing of one machine stands in the project, and no page reaches out to the network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

MACHINE = re.compile(r"/(?:root|home/\w+|Users/\w+|work/(?:main|shared))\b")
LOADS = re.compile(
    r"""(?:src|href|action|data|poster|xlink:href)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import|"""
    r"""\b(?:fetch|importScripts|XMLHttpRequest|EventSource|WebSocket)\s*\(""",
    re.IGNORECASE,
)
LINK = re.compile(r"<a\s[^>]*>", re.IGNORECASE)  # a link that a reader may follow loads nothing
TEXT = {".py", ".md", ".toml", ".sh", ".html", ".css", ".js", ".svg", ".j2", ".txt", ".yml", ".json", ""}


def tracked_texts(root: Path) -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True).stdout
    paths = [root / name for name in names.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix in TEXT]


def loads(text: str) -> list[str]:
    return LOADS.findall(LINK.sub("", text))


def test_no_path_of_one_machine_stands_in_the_project(root: Path) -> None:
    here = Path(__file__).name
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path in tracked_texts(root)
        if path.name != here and (match := MACHINE.search(path.read_text("utf-8")))
    ]
    assert found == []


def test_no_page_template_loads_anything_from_elsewhere(root: Path) -> None:
    folder = root / "src" / "becalm"
    # The scripts of the web's pages ask the server that they are from, and test_assets.py holds them to it.
    files = [p for p in folder.rglob("*") if p.parent.name != "assets"]
    templates = [p for p in files if p.suffix in {".html", ".css", ".js", ".j2", ".svg"}]
    found = {str(p.relative_to(root)): loads(p.read_text("utf-8")) for p in templates}
    assert {name: what for name, what in found.items() if what} == {}


def test_a_planted_load_is_found_and_a_link_is_not() -> None:
    assert loads('<script src="https://elsewhere.example/x.js">')
    assert loads("<style>body { background: url(//elsewhere.example/x.png) }</style>")
    assert loads("<script>fetch('x')</script>")
    assert not loads('<a href="https://example.org/licence">the licence</a>')
