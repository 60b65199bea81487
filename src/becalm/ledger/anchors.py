"""Sending a signed head to places outside, so that nobody can rewrite what came before it.

Places, as `[ledger] anchors` in becalm.toml names them: a folder ("anchors", "/mnt/overseer"), an e-mail
("mailto:overseer@example.org"), a webhook ("https://…"), a sheet to print ("qr:FOLDER"). A place that fails
is named, and the others still get theirs.
"""

from __future__ import annotations

import os
import re
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from becalm.ledger.anchor_sheet import anchor_sheet
from becalm.ledger.checkpoint import anchor_text, read_anchor
from becalm.ledger.event import Checkpoint
from becalm.terms import InputError

SUFFIX: Final = ".anchor.json"
PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of sending to one place: where it is now, or why it is not."""

    place: str
    at: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """From where and how anchors are sent: the folder that places are seen from, and the mail server."""

    folder: Path
    label: str  # of the ledger, so that two that are kept in one folder are told apart
    smtp: str = ""


def send_anchor(
    checkpoint: Checkpoint, public_key: str, *, places: Sequence[str], post: Post
) -> tuple[Sent, ...]:
    """Send this signed head to every place; what fails is said, and stops nothing."""
    return tuple(_send(checkpoint, public_key, place, post) for place in places)


def kept_anchors(places: Sequence[str], post: Post) -> Iterator[Path]:
    """The anchors that lie in the folders among these places, of the ledger with this label, by name."""
    wanted = re.compile(re.escape(post.label) + r"-[0-9a-f]{8}-\d+-[0-9a-f]{8}" + re.escape(SUFFIX))
    for place in places:
        if not place.startswith(("mailto:", "http://", "https://")):
            found = sorted(_folder(place, post.folder).glob(f"{post.label}-*{SUFFIX}"))
            yield from (path for path in found if wanted.fullmatch(path.name))


def newest_anchors(places: Sequence[str], post: Post) -> tuple[Checkpoint, ...]:
    """The longest head of each ledger in each folder among these places: what it must still hold.

    A file that is no anchor is passed over here; `becalm record verify` names it.
    """
    longest = {(path.parent, path.name.split("-")[-3]): path for path in kept_anchors(places, post)}
    found = []
    for path in longest.values():
        with suppress(InputError, OSError):
            found.append(read_anchor(path.read_text("utf-8"), str(path)))
    return tuple(found)


def anchor_name(checkpoint: Checkpoint, label: str) -> str:
    """The name of an anchor's file: sorts by size, and never twice the same for two heads."""
    head = checkpoint.head
    return f"{label}-{checkpoint.ledger[:8]}-{head.size:09d}-{head.root[:8]}"


def _send(checkpoint: Checkpoint, public_key: str, place: str, post: Post) -> Sent:
    text = anchor_text(checkpoint, public_key)
    try:
        if place.startswith("mailto:"):
            at = _mail(checkpoint, text, place, post)
        elif place.startswith(("http://", "https://")):
            at = _call(text, place)
        else:
            at = _file(checkpoint, text, place, post)
    except (OSError, URLError, smtplib.SMTPException, ValueError) as error:
        return Sent(place, failure=str(error) or type(error).__name__)
    return Sent(place, at=at)


def _folder(place: str, folder: Path) -> Path:
    return folder / Path(place.removeprefix("qr:").removeprefix("file://") or "anchors").expanduser()


def _file(checkpoint: Checkpoint, text: str, place: str, post: Post) -> str:
    into = _folder(place, post.folder)
    into.mkdir(parents=True, exist_ok=True)
    name = anchor_name(checkpoint, post.label)
    written = into / f"{name}{SUFFIX}"
    _write(written, text)
    if place.startswith("qr:"):
        written = into / f"{name}.html"
        _write(written, anchor_sheet(checkpoint, text))
    return str(written)


def _write(path: Path, text: str) -> None:
    """Write it whole or not at all, and not return before it is on the disk."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _mail(checkpoint: Checkpoint, text: str, place: str, post: Post) -> str:
    """Send an e-mail, or write it into the outbox where no server is named."""
    to = unquote(place.removeprefix("mailto:"))
    if "@" not in to:
        raise ValueError(f"{to!r} is no address")
    name = anchor_name(checkpoint, post.label)
    message = _message(checkpoint, text, to=to, name=name)
    if post.smtp:
        server = urlsplit(post.smtp)
        with smtplib.SMTP(server.hostname or "", server.port or 25, timeout=PATIENCE_SECONDS) as smtp:
            if server.scheme == "smtp+tls":
                smtp.starttls()
            smtp.send_message(message)
        return to
    outbox = post.folder / "anchors" / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    written = outbox / f"{name}-{to.partition('@')[0]}.eml"
    _write(written, message.as_string(policy=SMTP.clone(linesep="\n")))
    return f"{written} (to be sent)"


def _message(checkpoint: Checkpoint, text: str, *, to: str, name: str) -> EmailMessage:
    head = checkpoint.head
    message = EmailMessage()
    message["From"] = to
    message["To"] = to
    message["Date"] = checkpoint.made_at
    message["Subject"] = f"becalm ledger {checkpoint.ledger[:8]}: {head.size} entries, {head.root[:16]}"
    message["Message-ID"] = f"<{head.root[:32]}.{head.size}@{checkpoint.ledger[:32]}.becalm>"
    message.set_content(
        f"The ledger {checkpoint.ledger} had {head.size} entries at {checkpoint.made_at}.\n"
        f"Root: {head.root}\n\n"
        "Keep this message. With the attached file anybody can tell later whether the ledger was cut off or\n"
        f"rewritten: becalm record verify --anchor {name}{SUFFIX}\n"
    )
    message.add_attachment(text.encode(), maintype="application", subtype="json", filename=f"{name}{SUFFIX}")
    return message


def _call(text: str, place: str) -> str:
    asked = Request(place, data=text.encode(), headers={"Content-Type": "application/json"}, method="POST")
    with urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
        return f"{place} (answered {answer.status})"
