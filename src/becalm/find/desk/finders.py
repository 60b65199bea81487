"""Which finders are installed?"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from becalm.find.core.plugin import BLEND, Finder, NamedFinder
from becalm.terms import DependencyError, UsageError

FINDERS = "becalm.finders"


def pick_finder(name: str) -> NamedFinder | None:
    """The finder of this name; None for becalm's own, which every list can be made with.

    Raises
    ------
    UsageError
        where none of that name is installed.
    DependencyError
        where it cannot be imported.
    """
    if name == BLEND:
        return None
    installed = {entry.name: entry for entry in entry_points(group=FINDERS)}
    if name not in installed:
        near = difflib.get_close_matches(name, installed, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Installed are {', '.join(sorted(installed))}."
        raise UsageError(f"No finder {name!r} is installed. {hint}")
    return NamedFinder(name, _load(installed[name]))


def _load(entry: EntryPoint) -> Finder:
    try:
        found: Finder = entry.load()
    except (ImportError, AttributeError) as error:
        raise DependencyError(
            f"The finder {entry.name!r} ({entry.value}) cannot be imported: {error}. "
            "Install what it needs, or uninstall the package that brings it."
        ) from error
    return found
