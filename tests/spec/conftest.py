"""A small drawn table in, the answer out. What is drawn here can also be printed in the manual.

    pytest tests/spec --manual specifications.md

writes every drawn table with its question and its answer to that file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drawn import Spec, drawn_incidents

DRAWN = pytest.StashKey[list[tuple[str, str, Spec]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--manual", default=None, help="write the drawn specifications to this Markdown file")


@pytest.fixture
def spec(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Ask a question of a drawn table of incidents and compare the answer."""

    def check(*, incidents: str, question: Callable[[Any], Any], answer: Any) -> None:
        assert question(drawn_incidents(incidents)) == answer
        title = request.node.originalname.removeprefix("test_").replace("_", " ")
        drawn = request.config.stash.setdefault(DRAWN, [])
        drawn.append((request.node.path.parent.name, title, Spec(incidents, question, answer)))

    return check


def pytest_sessionfinish(session: pytest.Session) -> None:
    to = session.config.getoption("--manual", default=None)
    if to:
        Path(to).write_text("\n".join(_manual(session.config.stash.get(DRAWN, []))), "utf-8")


def _manual(drawn: list[tuple[str, str, Spec]]) -> Iterator[str]:
    yield "# Specifications, by example\n"
    for room in sorted({room for room, _, _ in drawn}):
        yield f"## {room}\n"
        for title, spec in ((title, spec) for where, title, spec in drawn if where == room):
            yield f"### {title[0].upper()}{title[1:]}\n\n{spec.as_markdown()}\n"
