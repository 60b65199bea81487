"""The events of patrols: seeds sealed and opened, plans, trials, bursts; and the state tables of them.

Released kinds are frozen: change one by adding a version.
"""

from becalm.ledger import IMPORT_FACTS, PLACE_FACTS, Entry, Fold, Row, fold_corrected, occurrence
from becalm.ledger.event_kinds import EventKind, FactField, optional_fact, required_fact
from becalm.ledger.events import REASON


def _burst_facts(*further: FactField) -> tuple[FactField, ...]:
    return (
        required_fact("unit", "text", "the unit"),
        required_fact("hotspot", "text", "the hotspot"),
        required_fact("starts_at", "instant", "when the burst starts"),
        required_fact("ends_at", "instant", "when it ends"),
        *PLACE_FACTS,
        optional_fact("radius_m", "whole", "how far the hotspot reaches"),
        optional_fact("officers", "whole", "how many officers"),
        optional_fact("activity", "text", "what the unit was on"),
        optional_fact("reference", "text", "the number under which the source keeps it"),
        *further,
        *IMPORT_FACTS,
    )


KINDS = (
    EventKind(
        "patrol_share_committed",
        "An overseer committed to random bytes of its own, before the seed that they are for was sealed.",
        (required_fact("share_sha256", "hash", "of the overseer's share"),),
    ),
    EventKind(
        "patrol_seed_committed",
        "A seed was drawn and sealed, before any plan was made from it.",
        (
            required_fact(
                "commitment", "hash", "of seed, nonce, inputs and version; it binds without telling"
            ),
            optional_fact("inputs_sha256", "hash", "of all that the plan will be made from"),
            optional_fact("program", "text", "the program and its version"),
            optional_fact("area", "text", "the area that it is for; all where it is left out"),
            optional_fact("first_day", "day", "the first day that is planned"),
            optional_fact("days", "whole", "how many days"),
            optional_fact("share_sha256", "hash", "of the share that an overseer mixed in"),
            optional_fact("reveal_after", "instant", "when it may be opened"),
            optional_fact("replaces", "hash", "the commitment for the same days that it stands in for"),
            optional_fact("reason", "text", "why a seed was sealed again for the same days"),
            optional_fact("seed_mark", "hash", "of the seed, so that one that comes twice is known"),
            optional_fact("units", "texts", "the units that are planned"),
            optional_fact("places", "texts", "easting and northing of each place that is planned, in metres"),
        ),
    ),
    EventKind(
        "patrol_replan_begun",
        "Bursts were about to be planned again from a sealed seed, noted before they were drawn.",
        (
            required_fact("commitment", "hash", "the sealed seed"),
            required_fact("replan", "whole", "1 for the first re-plan of these days, then 2, 3 …"),
            required_fact("reason", "text", "why"),
            optional_fact("units", "texts", "the units that are planned again"),
            optional_fact("area", "text", "the area that is planned again"),
            optional_fact("begins_at", "instant", "from when on"),
            optional_fact(
                "second", "text", "the second person who agreed to one more than the policy allows"
            ),
        ),
    ),
    EventKind(
        "patrol_seed_revealed",
        "A sealed seed was opened to auditors.",
        (
            required_fact("commitment", "hash", "which one"),
            required_fact("seed", "text", "in hex"),
            required_fact("nonce", "text", "in hex"),
            optional_fact("share", "text", "the overseer's share, in hex"),
            optional_fact("reason", "text", "why it was opened before its time"),
            optional_fact("second", "text", "the second person who agreed to that"),
        ),
    ),
    EventKind(
        "bursts_planned",
        "A plan of bursts was made.",
        (
            required_fact("plan_sha256", "hash", "of the plan file"),
            optional_fact("visits_sha256", "hash", "of the file of visits"),
            optional_fact("inputs_sha256", "hash", "of all that it was made from"),
            optional_fact("commitment", "hash", "the sealed seed that it was drawn from"),
            optional_fact("first_day", "day", "its first day"),
            optional_fact("days", "whole", "how many days"),
            optional_fact("bursts", "whole", "how many bursts"),
            optional_fact("units", "whole", "how many units"),
            optional_fact("share_sha256", "hash", "of the share that an overseer mixed in"),
            optional_fact("replan", "whole", "0 for the first plan of these days, then 1, 2 …"),
            optional_fact("area", "text", "the area that it is for; all where it is left out"),
            optional_fact("unit", "text", "the one unit that was planned again"),
            optional_fact("reason", "text", "why it was planned again"),
            optional_fact("dropped", "whole", "how many bursts of the plan before are no longer planned"),
        ),
        corrects="may",
    ),
    EventKind(
        "trial_committed",
        "The key of a trial's arms was drawn and sealed, before any arm was drawn from it.",
        (
            required_fact(
                "commitment", "hash", "of key, nonce, inputs and version; it binds without telling"
            ),
            required_fact("inputs_sha256", "hash", "of the places, the rule and the days that are drawn for"),
            required_fact("first_day", "day", "the first day of the trial"),
            optional_fact("days", "whole", "how many days"),
            optional_fact("places", "texts", "easting and northing of each place, in metres"),
            optional_fact("reason", "text", "why arms were drawn again for the same days and places"),
        ),
    ),
    EventKind(
        "trial_arm_overridden",
        "Somebody did otherwise than the arm of a place and day says; it stays in its arm.",
        (
            required_fact("arms_sha256", "hash", "of the trial's arms"),
            required_fact("hotspot", "text", "the place"),
            required_fact("day", "day", "the day"),
            required_fact("arm", "text", "the arm that was drawn, and in which it stays"),
            required_fact("gave", "text", "what was given instead: off, low or high"),
            required_fact("by", "text", "who decided it"),
            REASON,
        ),
        corrects="may",
        by_hand=True,
    ),
    EventKind(
        "blackout_set",
        "Somebody closed a place, or all places of an area, to patrols for a time.",
        (
            optional_fact("place", "text", "the place, by its code or its name"),
            optional_fact("area", "text", "or the area"),
            required_fact("starts_at", "instant", "from when on"),
            required_fact("ends_at", "instant", "until when"),
            REASON,
        ),
        purposes=("patrol",),
    ),
    EventKind(
        "blackout_ended",
        "A blackout was ended before its time.",
        (
            required_fact("blackout", "whole", "the entry that set it"),
            required_fact("ends_at", "instant", "from when on the place is open again"),
            REASON,
        ),
        purposes=("patrol",),
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
