"""What a person reads is in plain words: no archaic turns, and first pages that a pupil of 14 can read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_words import banned_turns, count_syllables, reading_age

READING_AGE = 14
PLAIN_HEADING = "## In plain words"
FIRST_PAGES = ("README.md", "docs/README.md", "docs/tutorial.md", "docs/explanation/the-eight-jobs.md")


def first_pages(root: Path) -> dict[str, str]:
    """The pages that a newcomer reads first, and the plain page that each explanation begins with."""
    pages = {name: (root / name).read_text("utf-8") for name in FIRST_PAGES}
    for path in sorted((root / "docs" / "explanation").glob("*.md")):
        before, heading, after = path.read_text("utf-8").partition(PLAIN_HEADING)
        if heading:
            pages[f"{path.name}, {PLAIN_HEADING[3:]}"] = before + after.partition("\n## ")[0]
    return pages


def test_the_first_pages_are_easy_to_read(root: Path) -> None:
    ages = {name: round(reading_age(text), 1) for name, text in first_pages(root).items()}
    assert {name: age for name, age in ages.items() if age > READING_AGE} == {}


@pytest.mark.parametrize("page", ["find", "measure", "patrol", "staff"])
def test_an_explanation_begins_with_one_page_in_plain_words(root: Path, page: str) -> None:
    text = (root / "docs" / "explanation" / f"{page}.md").read_text("utf-8")
    assert text.index(PLAIN_HEADING) == text.index("\n## ") + 1
    assert len(text.partition(PLAIN_HEADING)[2].partition("\n## ")[0].split()) >= 200


def strings_of(source: str) -> Iterator[str]:
    """Every text of a module that a person may see: its strings and its public docstrings."""
    tree = ast.parse(source)
    private = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.startswith("_")
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        if is_text and id(node) not in private:  # one word alone is a key that programs rely on
            yield node.value


def shown_texts(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((root / "src" / "becalm").rglob("*.py")):
        yield from ((str(path.relative_to(root)), text) for text in strings_of(path.read_text("utf-8")))
    for pattern in ("src/becalm/**/*.html", "src/becalm/**/*.toml", "docs/**/*.md", "docs/*.toml", "*.md"):
        for path in sorted(root.glob(pattern)):
            if path.name != "CHANGELOG.md" and path.parent.name != "reference":  # that one follows from src
                yield str(path.relative_to(root)), path.read_text("utf-8")


def test_no_text_uses_a_banned_turn(root: Path) -> None:
    found = [f"{where}: {turn}" for where, text in shown_texts(root) for turn in banned_turns(text)]
    assert not found, "\n".join(found)


def test_the_test_can_fail() -> None:
    assert list(banned_turns("Five groups cannot be told; the law itself is off."))
    assert not list(banned_turns("Five groups are unclear. Commanders recommend amendments."))
    assert list(strings_of('def f() -> str:\n    """Say it."""\n    return "they foretold it"\n')) == [
        "Say it.",
        "they foretold it",
    ]
    assert list(strings_of('def _f() -> None:\n    """They foretold it."""\n')) == []


def test_reading_age_is_that_of_flesch_and_kincaid() -> None:
    words = "The cat sat on the mat. The dog ran to the red house."
    assert [count_syllables(word) for word in ("the", "violence", "robbery", "table")] == [1, 3, 3, 2]
    assert reading_age(words) == pytest.approx(0.39 * 13 / 2 + 11.8 * 13 / 13 - 15.59 + 5)
    hard = "Institutional heterogeneity necessitates comprehensive methodological reconsideration."
    assert reading_age(hard) > 25
