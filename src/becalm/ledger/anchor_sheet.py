"""A signed head on paper: a sheet to print, whose QR code gives the anchor back when it is scanned."""

from __future__ import annotations

import io
from html import escape
from typing import Final

import segno

from becalm.ledger.event import Checkpoint

SHEET: Final = """<!DOCTYPE html>
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


def anchor_sheet(checkpoint: Checkpoint, text: str) -> str:
    """The sheet for this signed head, whose anchor is `text`, as a page to print."""
    head = checkpoint.head
    return SHEET.format(
        title=escape(f"becalm ledger {checkpoint.ledger[:8]}: {head.size} entries"),
        ledger=escape(checkpoint.ledger),
        size=head.size,
        root=escape(head.root),
        made_at=escape(checkpoint.made_at.replace(tzinfo=None).isoformat(" ", "seconds")),
        key=escape(checkpoint.key),
        code=qr_svg(text.strip(), label=f"QR code: the signed head of {head.size} entries"),
    )


def qr_svg(text: str, *, label: str) -> str:
    """A QR code as an SVG drawing without a size of its own."""
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(out, kind="svg", xmldecl=False, svgns=False, omitsize=True, title=label, nl=False)
    return out.getvalue().decode()
