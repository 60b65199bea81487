"""Asking a witness to sign a head: with the proof that it continues the one that the witness signed last.

A witness that is late, replaced or lies costs its signature and no more: it is named, and the head goes out
without it. Where it shows a head that the key of this ledger signed and the ledger does not hold, that is a
contradiction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from becalm.ledger import merkle, signed_note
from becalm.ledger.witness import HeadOffer
from becalm.terms import InputError

TIMEOUT_S: Final = 10
LARGEST_ANSWER: Final = 65_536
CLOCK_DIFFERENCE: Final = timedelta(hours=1)  # between a witness and this computer


@dataclass(frozen=True, slots=True)
class WitnessPlace:
    """Where a witness is reached, and the key that it must sign with."""

    url: str
    key: signed_note.NoteKey


@dataclass(frozen=True, slots=True)
class WitnessOutcome:
    """What became of asking a witness: its signature, or why there is none.

    `contradiction` is a head that the log signed and does not hold, as the witness keeps it.
    """

    place: WitnessPlace
    signature: signed_note.NoteSignature | None = None
    failure: str = ""
    contradiction: signed_note.SignedNote | None = None


def parse_place(text: str) -> WitnessPlace:
    """A witness as `[ledger] witnesses` names it: "URL KEY".

    Raises InputError where it is written otherwise.
    """
    url, _, key_text = text.strip().partition(" ")
    if urlsplit(url).scheme not in ("http", "https") or not key_text:
        raise InputError(f"The witness {text!r:.80} is not written URL KEY, as its operator gives both.")
    key = signed_note.parse_note_key(key_text)
    if key.type != signed_note.COSIGNATURE_TYPE:
        raise InputError(f"{key_text!r:.80} is the key of a log. Give that of the witness.")
    return WitnessPlace(url.rstrip("/"), key)


def ask_witness(
    place: WitnessPlace,
    note: signed_note.SignedNote,
    leaves: Sequence[bytes],
    *,
    log_key: signed_note.NoteKey,
    known_size: int,
    now: datetime,
) -> WitnessOutcome:
    """Have this witness sign the head of this note, whose log has these leaves.

    `known_size` is that of the head which the witness is believed to have signed last.
    """
    head = signed_note.parse_head_text(note.text)
    old_size = min(known_size, head.size)
    for _ in range(2):
        offer = HeadOffer(old_size, merkle.consistency_proof(leaves[: head.size], old_size), note, head)
        try:
            answer = _post(f"{place.url}/add-checkpoint", str(offer))
            return _read_signature(place, note, answer, now)
        except HTTPError as error:
            with error:
                answer = error.read(LARGEST_ANSWER).decode("utf-8", "replace").strip()
            if (
                error.code == 409
                and answer.isdigit()
                and int(answer) <= head.size
                and int(answer) != old_size
            ):
                old_size = int(answer)
                continue
            if error.code in (409, 422):
                return _explain_refusal(place, leaves, log_key, f"it answered {error.code}: {answer:.200}")
            hint = (
                f" Give its operator the key of this log: {log_key.text}" if error.code in (403, 404) else ""
            )
            return WitnessOutcome(place, failure=f"it answered {error.code}: {answer:.200}{hint}")
        except (URLError, OSError, ValueError) as error:
            return WitnessOutcome(place, failure=str(getattr(error, "reason", "") or error))
    return WitnessOutcome(place, failure="it names another size each time it is asked")


def _post(url: str, text: str) -> str:
    request = Request(url, data=text.encode(), headers={"Content-Type": "text/plain"}, method="POST")
    with urlopen(request, timeout=TIMEOUT_S) as response:
        content: bytes = response.read(LARGEST_ANSWER)
    return content.decode()


def _read_signature(
    place: WitnessPlace, note: signed_note.SignedNote, answer: str, now: datetime
) -> WitnessOutcome:
    """The signature of the witness in its answer; those of others are of no use."""
    signatures = tuple(signed_note.parse_signature_line(line) for line in answer.split("\n") if line)
    signature = signed_note.find_signature(signed_note.SignedNote(note.text, signatures), place.key)
    if signature is None:
        return WitnessOutcome(place, failure="it signed with another key: it was replaced, or its key was")
    if abs(signed_note.read_cosignature_time(signature) - now) > CLOCK_DIFFERENCE:
        return WitnessOutcome(
            place, failure=f"it says that it is {signed_note.read_cosignature_time(signature)}"
        )
    return WitnessOutcome(place, signature)


def _explain_refusal(
    place: WitnessPlace, leaves: Sequence[bytes], log_key: signed_note.NoteKey, refusal: str
) -> WitnessOutcome:
    """Has the witness a head that this log signed and does not hold? Its word alone proves nothing."""
    try:
        with urlopen(
            f"{place.url}/checkpoint?origin={quote(log_key.name, safe='')}", timeout=TIMEOUT_S
        ) as page:
            kept_note = signed_note.parse_note(page.read(LARGEST_ANSWER).decode())
        kept_head = signed_note.parse_head_text(kept_note.text)
        is_ours = (
            kept_head.origin == log_key.name and signed_note.find_signature(kept_note, log_key) is not None
        )
    except (URLError, OSError, ValueError):
        is_ours = False
    if not is_ours:
        return WitnessOutcome(place, failure=f"{refusal}, and it shows no head of this log that says why")
    if kept_head.size <= len(leaves) and merkle.merkle_root(leaves[: kept_head.size]) == kept_head.root:
        return WitnessOutcome(place, failure=f"{refusal}, although the head that it keeps is in this ledger")
    failure = f"it holds a head of {kept_head.size} entries that this ledger signed and does not have"
    return WitnessOutcome(place, failure=failure, contradiction=kept_note)
