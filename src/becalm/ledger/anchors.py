"""Signed heads outside: sent to places where nobody can rewrite what came before, and found there again.

Places, as `[ledger] anchors` in becalm.toml names them: a folder ("anchors", "/mnt/overseer"), an e-mail
("mailto:overseer@example.org"), a webhook ("https://…"), a sheet to print ("qr:FOLDER"). A place that fails
is named, and the others still get theirs.
"""

import io
import re
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from os.path import normpath
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from becalm.formats.durable_files import SHARED_FILE, write_durably
from becalm.ledger import Checkpoint, LogEnding, format_anchor, parse_anchor
from becalm.ledger.log_ending import ENDING_SUFFIX, ending_name, format_ending, parse_ending
from becalm.ledger.signed_heads import format_json_anchor, is_self_signed
from becalm.terms import DependencyError, InputError, load_extra

SUFFIX: Final = ".note"
FORMER_SUFFIX: Final = ".anchor.json"  # of heads in the format before
TIMEOUT_SECONDS: Final = 10
WEB_SCHEMES: Final = ("http://", "https://")

SHEET_HTML: Final = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font-family: Arial, Helvetica, sans-serif; margin: 15mm; max-width: 180mm }}
dt {{ font-weight: bold; margin-top: 2mm }}
dd {{ margin: 0; font-family: monospace; overflow-wrap: anywhere }}
svg {{ width: 90mm; height: 90mm; margin-top: 5mm }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>This sheet shows what the ledger held. Keep it away from the computer that keeps the ledger: with it
anybody can tell later whether entries were cut off or rewritten. Scan the code, save its text as a file, and
run
<code>becalm record verify --anchor FILE</code>.</p>
<dl>
<dt>Ledger</dt><dd>{ledger}</dd>
<dt>Entries</dt><dd>{size}</dd>
<dt>Root</dt><dd>{root}</dd>
<dt>Signed at (UTC)</dt><dd>{made_at}</dd>
<dt>Signed with key</dt><dd>{key}</dd>
</dl>
{code}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class AnchorDelivery:
    """What became of sending to one place: where the anchor is now, or why it is not."""

    place: str
    at: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """From where and how anchors are sent: the folder that places are seen from, and the mail server."""

    folder: Path
    label: str  # of the ledger, so that two that are kept in one folder are told apart
    smtp: str = ""


def send_anchor(
    checkpoint: Checkpoint, public_key: str, *, places: Sequence[str], settings: AnchorSettings
) -> tuple[AnchorDelivery, ...]:
    """Send this signed head to every place; what fails is said, and stops nothing."""
    web_anchor = format_json_anchor(checkpoint, public_key)
    anchor_text = format_anchor(checkpoint, public_key)
    return tuple(
        _send(checkpoint, web_anchor if place.startswith(WEB_SCHEMES) else anchor_text, place, settings)
        for place in places
    )


def send_ending(
    ending: LogEnding, *, places: Sequence[str], settings: AnchorSettings
) -> tuple[AnchorDelivery, ...]:
    """Put the statement that ends a log beside its old heads, in every folder among these places."""
    deliveries = []
    file_name = f"{settings.label}-{ending_name(ending)}"
    for place in filter(_is_folder, places):
        statement_path = _folder_at(place, settings.folder) / file_name
        try:
            statement_path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(statement_path, format_ending(ending))
            deliveries.append(AnchorDelivery(place, at=str(statement_path)))
        except OSError as error:
            deliveries.append(AnchorDelivery(place, failure=str(error)))
    return tuple(deliveries)


def send_text(
    text: str, subject: str, name: str, *, places: Sequence[str], settings: AnchorSettings
) -> tuple[AnchorDelivery, ...]:
    """Send a message to every place: a text file in a folder, an e-mail, or a webhook's body.

    What fails is said, and stops nothing.
    """
    file_stem = re.sub(r"[^A-Za-z0-9.-]+", "-", name)
    return tuple(_send_text(text, subject, file_stem, place, settings) for place in places)


def _send_text(text: str, subject: str, stem: str, place: str, settings: AnchorSettings) -> AnchorDelivery:
    try:
        if place.startswith("mailto:"):
            recipient = _recipient_of(place)
            message = EmailMessage()
            message["Subject"], message["To"] = subject, recipient
            message["From"] = f"becalm <{recipient}>"
            message.set_content(text)
            return AnchorDelivery(place, at=_deliver_mail(message, recipient, stem, settings))
        if place.startswith(WEB_SCHEMES):
            http_request = Request(place, data=text.encode(), method="POST")
            with urlopen(http_request, timeout=TIMEOUT_SECONDS) as http_response:
                return AnchorDelivery(place, at=f"{place} (answered {http_response.status})")
        folder = _folder_at(place, settings.folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{stem}.txt", text, mode=SHARED_FILE)
    except (OSError, URLError, smtplib.SMTPException, ValueError) as error:
        return AnchorDelivery(place, failure=str(error) or type(error).__name__)
    return AnchorDelivery(place, at=str(folder / f"{stem}.txt"))


def read_endings(places: Sequence[str], settings: AnchorSettings) -> tuple[LogEnding, ...]:
    """The signed statements on the end of a log that lie in the folders among these places."""
    log_endings = []
    for place in filter(_is_folder, places):
        for path in sorted(_folder_at(place, settings.folder).glob(f"{settings.label}-*{ENDING_SUFFIX}")):
            with suppress(InputError, OSError, UnicodeDecodeError):
                log_endings.append(parse_ending(path.read_text("utf-8"), str(path)))
    return tuple(ending for ending in log_endings if ending is not None and ending.is_signed)


def _is_folder(place: str) -> bool:
    return not place.startswith(("mailto:", *WEB_SCHEMES))


def list_anchor_files(places: Sequence[str], settings: AnchorSettings) -> Iterator[Path]:
    """The anchors that lie in the folders among these places, of the ledger with this label, by name."""
    # By the whole pattern: a label may be the beginning of another one ("ledger" and "ledger-north").
    endings = "|".join(map(re.escape, (SUFFIX, FORMER_SUFFIX)))
    name_pattern = re.compile(re.escape(settings.label) + rf"-[0-9a-f]{{8}}-\d+-[0-9a-f]{{8}}({endings})")
    for place in filter(_is_folder, places):
        anchor_paths = sorted(_folder_at(place, settings.folder).glob(f"{settings.label}-*"))
        yield from (path for path in anchor_paths if name_pattern.fullmatch(path.name))


def list_anchor_folders(places: Sequence[str], base: Path) -> tuple[Path, ...]:
    """The folders among these places; `base` is what a relative one starts from."""
    return tuple(_folder_at(place, base) for place in filter(_is_folder, places))


def read_newest_anchors(places: Sequence[str], settings: AnchorSettings) -> tuple[Checkpoint, ...]:
    """The longest head of each ledger in each folder among these places: what it must still hold.

    By what is in the files, for an older head may lie under the name of a newer one; for each key, for which
    one is the ledger's it knows alone.
    """
    longest_by_ledger: dict[tuple[str, str, str], Checkpoint] = {}
    for place in filter(_is_folder, places):
        for checkpoint in read_anchors((place,), settings):
            source = (place, checkpoint.ledger_id, checkpoint.key_id)
            kept_head = longest_by_ledger.get(source, checkpoint)
            longest_by_ledger[source] = max(kept_head, checkpoint, key=lambda point: point.head.size)
    return tuple(longest_by_ledger.values())


def read_anchors(places: Sequence[str], settings: AnchorSettings) -> tuple[Checkpoint, ...]:
    """Every signed head in the folders among these places.

    A file that is no anchor, or is not signed by the key in it, is passed over: whoever may write into a
    shared folder could stop a ledger with it. `becalm record verify` names it.
    """
    checkpoints = []
    for path in list_anchor_files(places, settings):
        with suppress(InputError, OSError, UnicodeDecodeError):
            checkpoints.append(parse_anchor(path.read_text("utf-8"), str(path)))
    return tuple(checkpoint for checkpoint in checkpoints if is_self_signed(checkpoint))


def render_sheet(checkpoint: Checkpoint, anchor: str) -> str:
    """A page to print for this signed head, whose QR code gives its anchor back when it is scanned.

    Without the extra `qr` the page says in the code's place what to install.
    """
    head = checkpoint.head
    try:
        qr_markup = draw_qr_code(anchor, label=f"QR code: the signed head of {head.size} entries")
    except DependencyError as error:
        qr_markup = f"<p>{escape(str(error))}</p>"
    return SHEET_HTML.format(
        title=escape(f"becalm ledger {checkpoint.ledger_id[:8]}: {head.size} entries"),
        ledger=escape(checkpoint.ledger_id),
        size=head.size,
        root=escape(head.root),
        made_at=escape(checkpoint.made_at.replace(tzinfo=None).isoformat(" ", "seconds")),
        key=escape(checkpoint.key_id),
        code=qr_markup,
    )


def draw_qr_code(text: str, *, label: str) -> str:
    """A QR code as an SVG drawing without a size of its own."""
    segno = load_extra("segno", "qr", "A QR code")
    svg_buffer = io.BytesIO()
    qr_code = segno.make(text, error="m", micro=False)
    qr_code.save(svg_buffer, kind="svg", xmldecl=False, svgns=False, omitsize=True, title=label, nl=False)
    return svg_buffer.getvalue().decode()


def _file_stem(checkpoint: Checkpoint, settings: AnchorSettings) -> str:
    """The name of an anchor's file: sorts by size, and never twice the same for two heads."""
    signed_head = checkpoint.head
    return f"{settings.label}-{checkpoint.ledger_id[:8]}-{signed_head.size:09d}-{signed_head.root[:8]}"


def _send(checkpoint: Checkpoint, anchor: str, place: str, settings: AnchorSettings) -> AnchorDelivery:
    try:
        if place.startswith("mailto:"):
            delivered_to = _send_mail(checkpoint, anchor, place, settings)
        elif place.startswith(WEB_SCHEMES):
            http_headers = {"Content-Type": "application/json"}
            http_request = Request(place, data=anchor.encode(), headers=http_headers, method="POST")
            with urlopen(http_request, timeout=TIMEOUT_SECONDS) as http_response:
                delivered_to = f"{place} (answered {http_response.status})"
        else:
            delivered_to = _write_files(checkpoint, anchor, place, settings)
    except (OSError, URLError, smtplib.SMTPException, ValueError) as error:
        return AnchorDelivery(place, failure=str(error) or type(error).__name__)
    return AnchorDelivery(place, at=delivered_to)


def _folder_at(place: str, base: Path) -> Path:
    folder = base / Path(place.removeprefix("qr:").removeprefix("file://") or "anchors").expanduser()
    return Path(normpath(folder))  # without the ".." of a folder beside the workspace


def _write_files(checkpoint: Checkpoint, anchor: str, place: str, settings: AnchorSettings) -> str:
    anchor_folder = _folder_at(place, settings.folder)
    anchor_folder.mkdir(parents=True, exist_ok=True)
    file_stem = _file_stem(checkpoint, settings)
    file_path = anchor_folder / f"{file_stem}{SUFFIX}"
    write_durably(file_path, anchor, mode=SHARED_FILE)
    if place.startswith("qr:"):
        file_path = anchor_folder / f"{file_stem}.html"
        write_durably(file_path, render_sheet(checkpoint, anchor), mode=SHARED_FILE)
    return str(file_path)


def _send_mail(checkpoint: Checkpoint, anchor: str, place: str, settings: AnchorSettings) -> str:
    """Send an e-mail, or write it into the outbox where no server is named."""
    recipient, file_stem = _recipient_of(place), _file_stem(checkpoint, settings)
    email_message = _compose_mail(checkpoint, anchor, recipient, file_name=f"{file_stem}{SUFFIX}")
    return _deliver_mail(email_message, recipient, file_stem, settings)


def _recipient_of(place: str) -> str:
    recipient = unquote(place.removeprefix("mailto:"))
    if "@" not in recipient:
        raise ValueError(f"{recipient!r} is no address")
    return recipient


def _deliver_mail(
    email_message: EmailMessage, recipient: str, file_stem: str, settings: AnchorSettings
) -> str:
    if settings.smtp:
        smtp_url = urlsplit(settings.smtp)
        with smtplib.SMTP(
            smtp_url.hostname or "", smtp_url.port or 25, timeout=TIMEOUT_SECONDS
        ) as smtp_connection:
            if smtp_url.scheme == "smtp+tls":
                smtp_connection.starttls()
            smtp_connection.send_message(email_message)
        return recipient
    outbox_folder = settings.folder / "anchors" / "outbox"
    outbox_folder.mkdir(parents=True, exist_ok=True)
    mail_path = outbox_folder / f"{file_stem}-{recipient.partition('@')[0]}.eml"
    write_durably(mail_path, email_message.as_string(policy=SMTP.clone(linesep="\n")))
    return f"{mail_path} (to be sent)"


def _compose_mail(checkpoint: Checkpoint, anchor: str, recipient: str, *, file_name: str) -> EmailMessage:
    head = checkpoint.head
    email_message = EmailMessage()
    email_message["From"] = recipient
    email_message["To"] = recipient
    email_message["Date"] = checkpoint.made_at
    email_message["Subject"] = (
        f"becalm ledger {checkpoint.ledger_id[:8]}: {head.size} entries, {head.root[:16]}"
    )
    email_message["Message-ID"] = f"<{head.root[:32]}.{head.size}@{checkpoint.ledger_id[:32]}.becalm>"
    email_message.set_content(
        f"The ledger {checkpoint.ledger_id} had {head.size} entries at {checkpoint.made_at}.\n"
        f"Root: {head.root}\n\n{anchor}\n"
        "Keep this message. With the attached file anybody can tell later whether the ledger was cut off or\n"
        f"rewritten: becalm record verify --anchor {file_name}\n"
    )
    email_message.add_attachment(anchor.encode(), maintype="application", subtype="json", filename=file_name)
    return email_message
