"""What a list says of how its floating boxes were laid, for other programs."""

from __future__ import annotations

from typing import Any

from becalm.terms import Laying


def laying_object(laying: Laying) -> dict[str, Any]:
    """What boxes laid earlier held, promised and then caught: shares of the target's incidents."""
    later = laying.later
    return {
        "side_m": laying.side_m,
        "count": laying.count,
        "laid_to": laying.laid_to,
        "first_month": laying.first_month,
        "last_month": laying.last_month,
        "held": round(laying.held, 5),
        "promised": round(laying.promised, 5),
        "later": round(later.value, 5),
        "later_low": round(later.low, 5),
        "later_high": round(later.high, 5),
        "level": later.level,
        "kept": round(laying.kept, 5),
    }
