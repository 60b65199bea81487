"""The events of places on the list of hotspots. Released kinds are frozen: change one by adding a version."""

from __future__ import annotations

from becalm.ledger.event_kinds import EventKind, may, need
from becalm.ledger.events import REASON

OVERRIDE = EventKind(
    "place_overridden",
    "Somebody decided that a place must, or must not, be on the list of hotspots.",
    (
        need("place", "text", "the place, as the list names it"),
        need("decision", "text", "include, leave_out, or lift (the place is free again)"),
        REASON,
        may("until", "day", "the last day on which it holds"),
    ),
    purposes=("hotspots",),
    corrects="may",
)
SPLIT = EventKind(
    "place_split",
    "Somebody split a place by hand, or undid that.",
    (
        need("place", "text", "the place, as the list names it"),
        need("decision", "text", "split or undo"),
        may("parts", "texts", "the names of its parts"),
        REASON,
        need("splits_sha256", "hash", "of the workspace's splits.geojson with it"),
    ),
    purposes=("hotspots",),
)

KINDS = (OVERRIDE, SPLIT)
