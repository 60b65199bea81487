"""Every example of the README and of the manual runs, in order, and prints what the page shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from console import Example, agrees, examples_of, run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def pages_with_examples() -> list[Path]:
    return [page for page in PAGES if examples_of(page.read_text("utf-8"))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run_all(examples: tuple[Example, ...], folder: Path, data: Callable[[], Path]) -> None:
    for example in examples:
        printed = run(example, folder, data() if example.needs_data else None)
        place = f"line {example.line}: $ {example.command}"
        assert agrees(example.shown, printed), (
            f"{place}\nThe page shows:\n{example.shown}\nIt printed:\n{printed}"
        )


@pytest.mark.parametrize("page", pages_with_examples(), ids=name_of)
def test_the_examples_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    examples = examples_of(page.read_text("utf-8"))
    run_all(examples, tmp_path, lambda: request.getfixturevalue("shared_data"))


PAGE = """
```console
$ echo one; echo two; \\
  echo three
one
...
three
$ touch made
```

```console data
$ ls
ma...
```

```console not-run
$ exit 1
```
"""


def test_the_runner_reads_a_page(tmp_path: Path) -> None:
    examples = examples_of(PAGE)
    assert [(e.line, e.needs_data) for e in examples] == [(3, False), (8, False), (12, True)]
    run_all(examples, tmp_path, lambda: tmp_path)


@pytest.mark.parametrize("shown", ["two\none", "on", "one\nthree", "one\n...\nfour"])
def test_the_runner_sees_when_a_page_is_wrong(shown: str) -> None:
    assert not agrees(shown, "one\ntwo\nthree\n")


@pytest.mark.parametrize("shown", ["", "two", "one\n...\ntwo", "one\n...\nthree", "t...\nth...ee", "..."])
def test_a_page_may_quote(shown: str) -> None:
    assert agrees(shown, "one\ntwo\nthree\n")


def test_an_example_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"line 2: \$ false"):
        run(Example(2, "false", "", needs_data=False), tmp_path)
