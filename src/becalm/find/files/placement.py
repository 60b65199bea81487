"""What a list says of how its floating boxes were laid, for other programs."""

from __future__ import annotations

from typing import Any

from becalm.terms import BoxTrial


def laying_object(box_trial: BoxTrial) -> dict[str, Any]:
    """What boxes laid earlier held, promised and then caught: shares of the target's incidents."""
    later = box_trial.later
    return {
        "side_m": box_trial.side_m,
        "count": box_trial.count,
        "laid_to": box_trial.laid_to,
        "first_month": box_trial.first_month,
        "last_month": box_trial.last_month,
        "held": round(box_trial.held, 5),
        "promised": round(box_trial.promised, 5),
        "later": round(later.value, 5),
        "later_low": round(later.low, 5),
        "later_high": round(later.high, 5),
        "level": later.level,
        "kept": round(box_trial.kept, 5),
    }
