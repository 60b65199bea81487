"""A design as one page and as lines, before its outcome is read."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from becalm import __version__
from becalm.evaluate.core.look_at_design import DesignView
from becalm.evaluate.core.protocol import DESIGN_HELP
from becalm.evaluate.files.design_drawings import arms_picture, timeline
from becalm.render.pages import self_contained


def design_object(view: DesignView) -> dict[str, Any]:
    """The design as plain data."""
    planned_hours, delivered_hours = view.contrast_hours
    return {
        "design": view.protocol.design,
        "question": view.protocol.question,
        "arms": [
            {"arm": b.arm, "units": b.unit_count, "before_per_day": round(b.before_per_day, 6)}
            for b in view.balance
        ],
        "balance_p_value": view.balance_p_value,
        "missing_months": list(view.missing_months),
        "overlapping_pairs": view.overlapping_pairs,
        "contrast_hours": {"planned": planned_hours, "delivered": delivered_hours},
        "refusals": [{"what": r.what, "why": r.why, "instead": r.instead} for r in view.refusals],
    }


def design_lines(view: DesignView) -> Iterator[str]:
    """The design as a reader of a screen wants it."""
    yield view.protocol.question
    yield f"Design: {DESIGN_HELP[view.protocol.design]}. Nothing from the start on was read."
    for arm in view.balance:
        yield f"  {arm.arm}: {arm.unit_count:,} units, {arm.before_per_day:.3f} offences a day each before"
    if view.balance_p_value is not None:
        yield f"  The arms are as alike before as the draw makes them: p = {view.balance_p_value:.2f}"
    yield f"Pairs of places whose rings share ground: {view.overlapping_pairs}"
    yield f"Months without whole records: {', '.join(view.missing_months) or 'none'}"
    planned_hours, delivered_hours = view.contrast_hours
    if planned_hours is not None or delivered_hours is not None:
        texts = ["not named" if h is None else f"{h:,.0f}" for h in (planned_hours, delivered_hours)]
        yield f"Officer-hours between the arms: {texts[0]} planned, {texts[1]} delivered"
    for refusal in view.refusals:
        yield f"Refused already: {refusal.what}. Why: {refusal.why}. Instead: {refusal.instead}."
    if not view.refusals:
        yield "Nothing needs to be refused so far."


def design_page(view: DesignView) -> str:
    """The design as a self-contained page with its pictures."""
    grid = np.asarray(view.grid).tolist()
    start = view.protocol.windows.after.start
    drawings = [timeline(view.protocol, narrow=narrow) for narrow in (False, True)]
    return self_contained(
        "design.html",
        {},
        view=view,
        lines=list(design_lines(view))[1:],
        arms=arms_picture(grid, view.arm_names, start),
        timelines=[drawing for drawing in drawings if drawing is not None],
        title="Design",
        subtitle="Design, before its outcome",
        version=f"becalm {__version__}",
        colophon="No outcome was read for this page.",
    )
