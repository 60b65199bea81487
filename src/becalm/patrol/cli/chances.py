"""`becalm patrol chances`: how likely each start was, for whoever evaluates or audits a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.patrol.cli.plan import say_first_use
from becalm.patrol.core.request import ChancesRequest

if TYPE_CHECKING:
    from becalm.patrol.desk.chances import WrittenChances


def chances(session: Session, request: ChancesRequest) -> None:
    """Write the chance of a start for every place and quarter of an hour, and for every unit."""
    from becalm.console.emit import View
    from becalm.patrol.desk.chances import write_chances

    say_first_use()
    chances_folder = write_chances(session.open_desk(), request)
    session.emit(chances_folder, View(_chances_data, lambda answer: [_chances_data(answer)], _chances_lines))


def _chances_data(chances_folder: WrittenChances) -> dict[str, object]:
    estimates = chances_folder.chances
    return {
        "folder": str(chances_folder.folder),
        "files": list(chances_folder.files),
        "places": len(estimates.hotspots),
        "cells": int(estimates.start.shape[1]),
        "draws": int(estimates.draws.max()),
        "exact_cells": int((estimates.draws == 0).sum()),
        "expected_starts": round(float(estimates.start.sum()), 1),
        "bias": round(estimates.bias, 5),
        "replans": chances_folder.replan_count,
    }


def _chances_lines(chances_folder: WrittenChances) -> Iterator[str]:
    estimates = chances_folder.chances
    place_count, cell_count = estimates.start.shape
    yield f"Chances of a start and of presence: {place_count} places, {cell_count:,} quarters of an hour"
    yield f"  average of  {int(estimates.draws.max())} draws of the plan's law, each with a fresh key"
    yield f"  re-plans    {chances_folder.replan_count}; from each one on, the chances are those of its draw"
    yield f"  bias        the mean of started / chance is {estimates.bias:.2%} above 1 by estimation"
    for name in chances_folder.files:
        yield f"  {chances_folder.folder / name}"
