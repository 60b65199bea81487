"""Sending a signed head to places outside, so that nobody can rewrite what came before it.

Places, as `[ledger] anchors` in becalm.toml names them: a folder ("anchors", "/mnt/overseer"), an e-mail
("mailto:overseer@example.org"), a webhook ("https://…"), a sheet to print ("qr:FOLDER"). A place that fails
is named, and the others still get theirs.
"""

from __future__ import annotations

import os
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

from becalm.publish.anchor_sheet import anchor_sheet
from becalm.record.checkpoint import anchor_text, read_anchor
from becalm.terms.errors import InputError
from becalm.terms.event import Checkpoint, Head

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
    smtp: str = ""


def send_anchor(
    checkpoint: Checkpoint, public_key: str, *, places: Sequence[str], post: Post
) -> tuple[Sent, ...]:
    """Send this signed head to every place; what fails is said, and stops nothing."""
    return tuple(_send(checkpoint, public_key, place, post) for place in places)


def kept_anchors(places: Sequence[str], folder: Path) -> Iterator[Path]:
    """The anchors that lie in the folders among these places, the oldest name first."""
    for place in places:
        if not place.startswith(("mailto:", "http://", "https://")):
            yield from sorted(_folder(place, folder).glob(f"*{SUFFIX}"))


def newest_heads(places: Sequence[str], folder: Path) -> tuple[Head, ...]:
    """The longest head that lies in each folder among these places: what the ledger must still hold.

    A file that is no anchor is passed over here; `becalm record verify` names it.
    """
    newest: dict[Path, Head] = {}
    for path in kept_anchors(places, folder):
        with suppress(InputError, OSError):
            newest[path.parent] = read_anchor(path.read_text("utf-8"), str(path)).head
    return tuple(newest.values())


def anchor_name(checkpoint: Checkpoint) -> str:
    """The name of an anchor's file: sorts by size, and never twice the same for two heads."""
    head = checkpoint.head
    return f"becalm-{checkpoint.ledger[:8]}-{head.size:09d}-{head.root[:8]}"


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
    name = anchor_name(checkpoint)
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
    message = _message(checkpoint, text, to)
    if post.smtp:
        server = urlsplit(post.smtp)
        with smtplib.SMTP(server.hostname or "", server.port or 25, timeout=PATIENCE_SECONDS) as smtp:
            if server.scheme == "smtp+tls":
                smtp.starttls()
            smtp.send_message(message)
        return to
    outbox = post.folder / "anchors" / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    written = outbox / f"{anchor_name(checkpoint)}-{to.partition('@')[0]}.eml"
    _write(written, message.as_string(policy=SMTP.clone(linesep="\n")))
    return f"{written} (to be sent)"


def _message(checkpoint: Checkpoint, text: str, to: str) -> EmailMessage:
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
        f"rewritten: becalm record verify --anchor {anchor_name(checkpoint)}{SUFFIX}\n"
    )
    message.add_attachment(
        text.encode(), maintype="application", subtype="json", filename=f"{anchor_name(checkpoint)}{SUFFIX}"
    )
    return message


def _call(text: str, place: str) -> str:
    asked = Request(place, data=text.encode(), headers={"Content-Type": "application/json"}, method="POST")
    with urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
        return f"{place} (answered {answer.status})"
