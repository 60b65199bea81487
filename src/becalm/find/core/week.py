"""When in the week do the listed places need people?"""

from __future__ import annotations

import numpy as np

from becalm.terms import HOURS_OF_WEEK, HotspotList


def compute_list_week(found: HotspotList) -> tuple[float, ...] | None:
    """Which share of the listed places' expected incidents falls in each hour of the week?

    share_h = sum_i e_i p_ih / sum_i e_i over the places that have a profile, with e the expected count
    and p the profile. None where no place has one: the records carry no times.
    """
    timed = [h for h in found.hotspots if h.profile is not None]
    weights = np.array([h.expected.value for h in timed])
    if not timed or weights.sum() == 0.0:
        return None
    profiles = np.array([h.profile for h in timed], dtype=np.float64).reshape(-1, HOURS_OF_WEEK)
    shares = weights @ profiles / weights.sum()
    return tuple(float(share) for share in shares)
