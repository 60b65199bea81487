"""What becalm stands on may be used by anybody: permissive licences all the way down."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import chain
from typing import Any

import pytest
from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"\b(MIT|0?BSD|Apache|PSF|Python Software Foundation|ISC|Zlib|MPL|Mozilla Public|Unlicense|CC0|HPND)\b",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"\b(A?GPL|General Public License|SSPL|BUSL|Commons Clause)", re.IGNORECASE)
# Wheels may carry compilers' runtime libraries along, under an exception that binds nobody who links to them.
EXCEPTION = re.compile(r"GPL-3\.0-or-later WITH GCC-exception-3\.1", re.IGNORECASE)


def closure(requirements: list[str]) -> dict[str, Distribution]:
    """Every distribution that these requirements bring with them on this machine."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(text), frozenset[str]()) for text in requirements]
    while waiting:
        requirement, extras = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found and not requirement.extras:
            continue
        try:
            found[name] = distribution(requirement.name)
        except PackageNotFoundError:
            pytest.fail(f"{requirement.name} is required but not installed")
        below = frozenset(requirement.extras)
        waiting += [(Requirement(text), below) for text in found[name].requires or []]
    return found


def stated_licence(found: Distribution) -> str:
    metadata = found.metadata
    classifiers = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
    expression = metadata.get("License-Expression")
    return expression or "; ".join(classifiers) or (metadata.get("License") or "").splitlines()[0]


def is_permissive(licence: str) -> bool:
    plain = EXCEPTION.sub("", licence)
    return bool(PERMISSIVE.search(plain)) and not COPYLEFT.search(plain)


def test_every_dependency_is_permissive(settings: dict[str, Any]) -> None:
    project = settings["project"]
    extras = project["optional-dependencies"].keys() - {"all", "postgresql"}  # psycopg is LGPL, so an extra
    needed = [*project["dependencies"], *chain(*(project["optional-dependencies"][e] for e in extras))]
    licences = {name: stated_licence(found) for name, found in closure(needed).items()}
    assert len(licences) > len(needed)
    assert {name: licence for name, licence in licences.items() if not is_permissive(licence)} == {}


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "License :: OSI Approved :: GNU Affero General Public License v3", ""]
)
def test_a_licence_that_binds_its_user_is_refused(licence: str) -> None:
    assert not is_permissive(licence)
