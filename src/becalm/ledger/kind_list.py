"""Every kind of event that a ledger may hold. Released kinds are frozen: change one by adding a version."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from becalm.ledger.event_schema import FactField, Kind, may, need
from becalm.ledger.kind_people import ABOUT_PEOPLE, HELP, REASON
from becalm.ledger.kind_places import PLACES

PLACE = (
    may("place_easting_m", "whole", "where, in metres of the workspace's grid"),
    may("place_northing_m", "whole", "where, in metres of the workspace's grid"),
)
IMPORTED = (
    may("import_sha256", "hash", "the log file that this came from"),
    may("import_row", "whole", "its line in that file; the header is line 1"),
)
OUTCOMES_OF_PATROL = (
    need("unit", "text", "the unit or team that did it"),
    need("activity", "text", "what the unit was on, as its log names it"),
    *PLACE,
    may("offence", "text", "what it was for, in the words of the log"),
    may("hotspot", "text", "the hotspot, where one is named"),
    may("reference", "text", "the number under which the source keeps it"),
    *IMPORTED,
)
FILES = need("files", "pairs", "each file and its SHA-256")


def _burst(*more: FactField) -> tuple[FactField, ...]:
    return (
        need("unit", "text", "the unit"),
        need("hotspot", "text", "the hotspot"),
        need("starts_at", "instant", "when the burst starts"),
        need("ends_at", "instant", "when it ends"),
        *PLACE,
        may("radius_m", "whole", "how far the hotspot reaches"),
        may("officers", "whole", "how many officers"),
        may("activity", "text", "what the unit was on"),
        may("reference", "text", "the number under which the source keeps it"),
        *more,
        *IMPORTED,
    )


PATROL = (
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
        "trial_committed",
        "The key of a trial's arms was drawn and sealed, before any arm was drawn from it.",
        (
            need("commitment", "hash", "of key, nonce, inputs and version; it binds without telling"),
            need("inputs_sha256", "hash", "of the places, the rule and the days that are drawn for"),
            need("first_day", "day", "the first day of the trial"),
        ),
    ),
    Kind(
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
    ),
    Kind("burst_done", "A unit was at a hotspot.", _burst(), corrects="may"),
    Kind("burst_cancelled", "A planned burst was called off.", _burst(REASON), corrects="may"),
)

OUTCOMES = (
    Kind("arrest_made", "Somebody was arrested.", OUTCOMES_OF_PATROL, corrects="may"),
    Kind(
        "seizure_made",
        "A weapon, drugs or other things were seized.",
        (need("item", "text", "what kind of thing"), *OUTCOMES_OF_PATROL),
        corrects="may",
    ),
    Kind(
        "stop_made",
        "Somebody was stopped and searched.",
        (may("outcome", "text", "what came of it, as the source codes it"), *OUTCOMES_OF_PATROL),
        corrects="may",
    ),
)

WATCH = (
    Kind(
        "record_accessed",
        "Somebody saw a record about a person, or asked to.",
        (
            need("what", "text", "what was shown, e.g. payload"),
            may("entries", "wholes", "which entries"),
            may("result", "text", "a code, where nothing was shown"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
    ),
    Kind(
        "access_log_read",
        "Somebody looked up who saw whom.",
        (
            need("question", "text", "subject (who saw this person) or actor (whom did they see)"),
            need("of", "text", "the pseudonym or the actor"),
        ),
        purposes=ABOUT_PEOPLE,
    ),
    Kind(
        "payload_erased",
        "Personal details and their salts were destroyed.",
        (
            need("entries", "wholes", "the entries whose details were destroyed"),
            need("reason", "text", "a code or the rule, without names of people"),
            may("rule", "text", "the retention rule"),
        ),
        purposes=(*ABOUT_PEOPLE, "retention"),
    ),
    Kind(
        "entry_withdrawn",
        "An entry was found to be wrong and has no successor.",
        (REASON,),
        corrects="must",
    ),
)

HOUSE = (
    Kind(
        "configuration_changed",
        "The workspace was made, or what it asks was changed.",
        (
            need("what", "text", "e.g. workspace made"),
            need("config_sha256", "hash", "of becalm.toml"),
            may("changed", "texts", "the entries that changed"),
        ),
    ),
    Kind(
        "records_loaded",
        "Files of records were loaded into the archive.",
        (
            need("intake", "text", "the archive's number of this load"),
            FILES,
            need("rows", "whole", "rows in the files"),
            need("loaded", "whole", "rows that were loaded"),
            need("rejected", "whole", "rows that were not"),
            may("sources", "texts", "which sources"),
        ),
    ),
    Kind(
        "briefing_published",
        "A briefing was written.",
        (
            need("run_sha256", "hash", "of its run record"),
            may("files", "pairs", "each file and its SHA-256"),
            may("as_of", "day", "the day on which its records were known"),
        ),
    ),
    Kind(
        "report_published",
        "A file with figures was written.",
        (need("question", "text", "what it answers"), FILES),
    ),
    Kind(
        "import_done",
        "A log of a unit or a force was imported.",
        (
            need("file", "text", "its name"),
            need("file_sha256", "hash", "of its bytes"),
            need("imported", "text", "the kind that its rows became"),
            need("mapping", "text", "the mapping and its version"),
            need("mapping_sha256", "hash", "of the mapping"),
            need("rows", "whole", "how many rows"),
        ),
    ),
    Kind(
        "checkpoint_made",
        "A signed head left the building.",
        (
            need("size", "whole", "entries that it covers"),
            need("root", "hash", "of the tree over them"),
            may("anchors", "texts", "where it went"),
            may("key", "hash", "the public key that it was signed with"),
        ),
    ),
    Kind(
        "key_rotated",
        "Another key signs from now on.",
        (
            need("old_key", "text", "SHA-256 of the old public key; empty for the first"),
            need("new_key", "hash", "SHA-256 of the new public key"),
            may("new_public_key", "text", "the new public key, in hex"),
            may("old_signature", "text", "the old key's signature over the new one, in hex"),
        ),
    ),
    Kind(
        "backup_made",
        "A copy of the ledger was made.",
        (
            need("size", "whole", "entries in the copy"),
            need("root", "hash", "of the tree over them"),
            need("file_sha256", "hash", "of the copy"),
        ),
    ),
    Kind(
        "ledger_restored",
        "Two people put an older copy in the place of the ledger, each with a reason.",
        (
            need("size", "whole", "entries in the copy"),
            need("root", "hash", "of the tree over them"),
            need("lost_size", "whole", "entries that were known to exist beyond the copy"),
            need("first_actor", "text", "who asked for it"),
            need("first_reason", "text", "why"),
            need("second_actor", "text", "who confirmed it"),
            need("second_reason", "text", "why"),
            may("anchors", "texts", "the checkpoints that know of a longer ledger"),
        ),
    ),
)

ALL_KINDS = (*PATROL, *OUTCOMES, *HELP, *PLACES, *WATCH, *HOUSE)
KINDS: Mapping[tuple[str, int], Kind] = MappingProxyType({(k.name, k.version): k for k in ALL_KINDS})
