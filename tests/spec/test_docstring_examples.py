"""Every example in a docstring gives what it shows."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import becalm

ONLY_WITHIN = "becalm.ledger.store.migrations."  # Alembic runs these, and nothing else can import them
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(becalm.__path__, "becalm.")
    if not module.name.startswith(ONLY_WITHIN)
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_show(name: str) -> None:
    module = importlib.import_module(name)
    found = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    results = [runner.run(test) for test in found]
    assert sum(result.failed for result in results) == 0
