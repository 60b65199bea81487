"""Everything that a briefing reads, named with the hash of its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

from becalm.archive.manifest import sha256_of
from becalm.brief.desk.plan import Plan
from becalm.desk import Desk
from becalm.find.desk.override import PIN as OVERRIDE
from becalm.find.desk.override import override_pins
from becalm.find.files.splits import splits_path
from becalm.terms import ReplayError
from becalm.workspace.config import CONFIG, Workspace

ARCHIVE = "archive/"
PATROL = "patrol/"  # the sealed plan holds what it was made of
CITY = f"{CONFIG} [city]"


def pins_of(desk: Desk, plan: Plan, *, as_of: date | None) -> dict[str, str]:
    """Every file that this plan will read, with its SHA-256."""
    meant = {plan.source, plan.hotspot_source}
    files = desk.archive.files(as_of=as_of)
    read = (f for f in files if f.table == "row_faults" or (f.source in meant and f.table in _COUNTED))
    pins = {
        **{f"{ARCHIVE}{f.path}": f.sha256 for f in read},
        **workspace_pins(desk.workspace),
        **override_pins(desk, plan.overrides),
    }
    return dict(sorted(pins.items()))  # as a record is read again


def archive_pins(data: Mapping[str, str]) -> dict[str, str]:
    """The archive's part of them, as the archive names its files."""
    return {key.removeprefix(ARCHIVE): sha for key, sha in data.items() if key.startswith(ARCHIVE)}


def workspace_pins(workspace: Workspace) -> dict[str, str]:
    """What beside the archive changes an answer: the city, its boundaries, splits by hand, offence tables."""
    city = json.dumps({**asdict(workspace.city), "chosen": workspace.config.city.chosen}, sort_keys=True)
    tables = sorted(workspace.offences_path.glob("*.toml")) if workspace.offences_path.is_dir() else []
    paths = [p for p in (workspace.boundaries_path, splits_path(workspace), *tables) if p.is_file()]
    read = {str(p.relative_to(workspace.path).as_posix()): sha256_of(p) for p in paths}
    return {CITY: hashlib.sha256(city.encode()).hexdigest(), **read}


def require_same(workspace: Workspace, data: Mapping[str, str]) -> None:
    """Refuse to repeat a run where the city, its boundaries or the offence tables are not as they were."""
    was = {key: sha for key, sha in data.items() if not key.startswith((ARCHIVE, PATROL, OVERRIDE))}
    now = workspace_pins(workspace)
    changed = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    if changed:
        raise ReplayError(
            f"Not as it was when this run was made: {', '.join(changed)}, in {workspace.path}. "
            "Restore it, or make a new briefing with `becalm run`."
        )


_COUNTED = ("incidents", "published_counts")
