"""What a workspace knows of patrols: the names of its files, and those that a city brings with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

UNITS: Final = "units.toml"
POLICY: Final = "patrol_policy.toml"
STREETS: Final = ("streets.graphml", "streets.graphml.gz", "streets.geojson", "streets.geojson.gz")


def files_beside(city: str) -> dict[str, Path]:
    """Units, policy and streets that lie beside this city file (streets also in `streets/`), by name.

    A city that is named by its key brings none.
    """
    file = Path(city)
    if not file.is_file():
        return {}
    folder = file.parent
    ways = [folder / part / name for part in (".", "streets") for name in STREETS]
    found = [path for path in (folder / UNITS, folder / POLICY) if path.is_file()]
    found += [path for path in ways if path.is_file()][:1]
    return {path.name: path for path in found}
