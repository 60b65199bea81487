"""Having a written plan judged."""

from __future__ import annotations

import json
from pathlib import Path

from becalm.patrol.core.check import check_plan
from becalm.patrol.core.verdict import PlanVerdict
from becalm.terms import Fault, InputError


def check(path: Path) -> PlanVerdict:
    """Which rules does the plan in this folder, or this plan.json, break? visits.csv lies beside it."""
    document = path / "plan.json" if path.is_dir() else path
    visits = document.with_name("visits.csv")
    absent = [str(file) for file in (document, visits) if not file.is_file()]
    if absent:
        faults = tuple(Fault(name, "is not there", "give the folder of a plan") for name in absent)
        raise InputError("There is no plan to judge", faults)
    try:
        plan = json.loads(document.read_bytes())
    except ValueError as error:
        fault = Fault(
            document.name, f"is no JSON ({error})", "give the plan.json that a plan was written with"
        )
        raise InputError("The plan cannot be read", (fault,)) from error
    if not isinstance(plan, dict):
        raise InputError(
            "The plan cannot be read", (Fault(document.name, "is no object", "give a plan.json"),)
        )
    return check_plan(plan, visits.read_bytes())
