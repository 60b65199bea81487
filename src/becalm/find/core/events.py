"""The events of places on the list of hotspots. Released kinds are frozen: change one by adding a version."""

from becalm.ledger import EventKind, optional_fact, required_fact
from becalm.ledger.events import REASON

OVERRIDE = EventKind(
    "place_overridden",
    "Somebody decided that a place must, or must not, be on the list of hotspots.",
    (
        required_fact("place", "text", "the place, as the list names it"),
        required_fact("decision", "text", "include, leave_out, or lift (the place is free again)"),
        REASON,
        optional_fact("until", "day", "the last day on which it holds"),
    ),
    purposes=("hotspots",),
    corrects="may",
)
SPLIT = EventKind(
    "place_split",
    "Somebody split a place by hand, or undid that.",
    (
        required_fact("place", "text", "the place, as the list names it"),
        required_fact("decision", "text", "split or undo"),
        optional_fact("parts", "texts", "the names of its parts"),
        REASON,
        required_fact("splits_sha256", "hash", "of the workspace's splits.geojson with it"),
    ),
    purposes=("hotspots",),
)

KINDS = (OVERRIDE, SPLIT)
