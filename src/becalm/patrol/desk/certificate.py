"""Testing any log of visits for how well the next visit can be foretold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from becalm.patrol.core.attack import certify
from becalm.patrol.core.certificate import AttackSettings, Certificate
from becalm.patrol.files.visit_log import VisitColumns, read_visit_log


def certificate(
    path: Path, *, columns: VisitColumns, settings: AttackSettings, time_zone: str, seed: int
) -> Certificate:
    """How predictable are the visits in this csv? The same seed gives the same answer."""
    read = read_visit_log(path, columns, time_zone=time_zone)
    rngs = [np.random.default_rng([seed, k]) for k in range(settings.seeds)]
    found = certify(read.log, settings, rngs=rngs, seed=seed)
    return replace(found, notes=(*read.notes, *found.notes))
