"""The events of patrols: seeds sealed and opened, plans, trials, bursts; and the state tables of them.

Released kinds are frozen: change one by adding a version.
"""

from __future__ import annotations

from becalm.ledger.event import Entry
from becalm.ledger.event_kinds import EventKind, FactField, may, need
from becalm.ledger.events import IMPORT_FACTS, PLACE_FACTS, REASON
from becalm.ledger.projection import Fold, Row, fold_corrected, occurrence


def _burst_facts(*further: FactField) -> tuple[FactField, ...]:
    return (
        need("unit", "text", "the unit"),
        need("hotspot", "text", "the hotspot"),
        need("starts_at", "instant", "when the burst starts"),
        need("ends_at", "instant", "when it ends"),
        *PLACE_FACTS,
        may("radius_m", "whole", "how far the hotspot reaches"),
        may("officers", "whole", "how many officers"),
        may("activity", "text", "what the unit was on"),
        may("reference", "text", "the number under which the source keeps it"),
        *further,
        *IMPORT_FACTS,
    )


KINDS = (
    EventKind(
        "patrol_seed_committed",
        "A seed was drawn and sealed, before any plan was made from it.",
        (
            need("commitment", "hash", "of seed, nonce, inputs and version; it binds without telling"),
            may("inputs_sha256", "hash", "of all that the plan will be made from"),
            may("program", "text", "the program and its version"),
            may("area", "text", "the area that it is for; all where it is left out"),
            may("first_day", "day", "the first day that is planned"),
            may("days", "whole", "how many days"),
            may("share_sha256", "hash", "of the share that an overseer mixed in"),
            may("reveal_after", "instant", "when it may be opened"),
            may("replaces", "hash", "the commitment for the same days that it stands in for"),
            may("reason", "text", "why a seed was sealed again for the same days"),
            may("seed_mark", "hash", "of the seed, so that one that comes twice is known"),
        ),
    ),
    EventKind(
        "patrol_replan_begun",
        "Bursts were about to be planned anew from a sealed seed, noted before they were drawn.",
        (
            need("commitment", "hash", "the sealed seed"),
            need("replan", "whole", "1 for the first re-plan of these days, then 2, 3 …"),
            need("reason", "text", "why"),
            may("units", "texts", "the units that are planned anew"),
            may("area", "text", "the area that is planned anew"),
            may("begins_at", "instant", "from when on"),
        ),
    ),
    EventKind(
        "patrol_seed_revealed",
        "A sealed seed was opened to auditors.",
        (
            need("commitment", "hash", "which one"),
            need("seed", "text", "in hex"),
            need("nonce", "text", "in hex"),
            may("share", "text", "the overseer's share, in hex"),
            may("reason", "text", "why it was opened before its time"),
            may("second", "text", "the second person who agreed to that"),
        ),
    ),
    EventKind(
        "bursts_planned",
        "A plan of bursts was made.",
        (
            need("plan_sha256", "hash", "of the plan file"),
            may("visits_sha256", "hash", "of the file of visits"),
            may("inputs_sha256", "hash", "of all that it was made from"),
            may("commitment", "hash", "the sealed seed that it was drawn from"),
            may("first_day", "day", "its first day"),
            may("days", "whole", "how many days"),
            may("bursts", "whole", "how many bursts"),
            may("units", "whole", "how many units"),
            may("share_sha256", "hash", "of the share that an overseer mixed in"),
            may("replan", "whole", "0 for the first plan of these days, then 1, 2 …"),
            may("area", "text", "the area that it is for; all where it is left out"),
            may("unit", "text", "the one unit that was planned anew"),
            may("reason", "text", "why it was planned anew"),
        ),
        corrects="may",
    ),
    EventKind(
        "trial_committed",
        "The key of a trial's arms was drawn and sealed, before any arm was drawn from it.",
        (
            need("commitment", "hash", "of key, nonce, inputs and version; it binds without telling"),
            need("inputs_sha256", "hash", "of the places, the rule and the days that are drawn for"),
            need("first_day", "day", "the first day of the trial"),
        ),
    ),
    EventKind(
        "trial_arm_overridden",
        "Somebody did otherwise than the arm of a place and day says; it stays in its arm.",
        (
            need("arms_sha256", "hash", "of the trial's arms"),
            need("hotspot", "text", "the place"),
            need("day", "day", "the day"),
            need("arm", "text", "the arm that was drawn, and in which it stays"),
            need("gave", "text", "what was given instead: off, low or high"),
            need("by", "text", "who decided it"),
            REASON,
        ),
        corrects="may",
        by_hand=True,
    ),
    EventKind("burst_done", "A unit was at a hotspot.", _burst_facts(), corrects="may", by_hand=True),
    EventKind(
        "burst_cancelled",
        "A planned burst was called off.",
        _burst_facts(REASON),
        corrects="may",
        by_hand=True,
    ),
)


def _commitment_row(_key: str, row: Row | None, entry: Entry) -> Row | None:
    if entry.event.kind == "patrol_seed_committed":
        return row or {
            **entry.event.facts,
            "seq": entry.seq,
            "committed_at": occurrence(entry),
            "revealed": None,
        }
    if row is None or row["revealed"] is not None:
        return row
    return {**row, "revealed": entry.seq, "revealed_at": occurrence(entry)}


FOLDS = (
    fold_corrected("patrol_burst", "burst_done", "burst_cancelled"),
    fold_corrected("patrol_plan", "bursts_planned"),
    Fold(
        "commitment",
        1,
        ("patrol_seed_committed", "patrol_seed_revealed"),
        lambda entry: (str(entry.event.facts["commitment"]),),
        _commitment_row,
    ),
)
