"""Records of a phone that came as a row of QR codes, or as a sealed file: whole or not at all.

A row is `BECALM.<batch>.<number>.<count>.<part>`; the parts of one batch, in their order, are the records,
each `id.kind.form.key.sealed`, with `~` between them. A batch is called by the start of the SHA-256 of the
whole.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from becalm.formats.durable_files import sha256_of_text
from becalm.terms import Fault, InputError

ROW: Final = re.compile(r"BECALM\.([0-9a-f]{12})\.(\d{1,4})\.(\d{1,4})\.([A-Za-z0-9._~-]+)")
MOST_AT_ONCE: Final = 50


def read_hand_in(text: str) -> tuple[Mapping[str, Any], ...]:
    """The outboxes that were handed in, of at most 50 records each, as a phone would have sent them.

    Raises InputError with every batch of which a row is missing or damaged.
    """
    text = text.strip()
    records = _read_file(text) if text.startswith("{") else _read_rows(text)
    return tuple({"records": records[i : i + MOST_AT_ONCE]} for i in range(0, len(records), MOST_AT_ONCE))


def _read_file(text: str) -> list[Any]:
    try:
        records = json.loads(text)["records"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "This is not the file that the phone saved. Choose the file called street-….json."
        ) from error
    if not isinstance(records, list):
        raise InputError("The file holds no records. Save it again on the phone.")
    return records


def _read_rows(text: str) -> list[dict[str, Any]]:
    parts_by_batch: dict[tuple[str, int], dict[int, str]] = {}
    for match in ROW.finditer(text):
        batch, number, count, part = match[1], int(match[2]), int(match[3]), match[4]
        parts_by_batch.setdefault((batch, count), {})[number] = part
    if not parts_by_batch:
        raise InputError(
            "No row of a street phone is in this. Scan the codes again; each begins with BECALM."
        )
    faults, records = [], []
    for (batch, count), part_by_number in parts_by_batch.items():
        missing = sorted(set(range(1, count + 1)) - part_by_number.keys())
        whole = "".join(part_by_number.get(number, "") for number in range(1, count + 1))
        if missing:
            numbers = ", ".join(map(str, missing[:10]))
            faults.append(Fault(f"batch {batch}", f"lacks code {numbers} of {count}", "scan it again"))
        elif sha256_of_text(whole)[:12] != batch:
            faults.append(Fault(f"batch {batch}", "was damaged on the way", "scan all its codes again"))
        else:
            records += [_read_part(record) for record in whole.split("~")]
    if faults:
        raise InputError("Nothing was taken", tuple(faults))
    return records


def _read_part(text: str) -> dict[str, Any]:
    fields = text.split(".")
    if len(fields) != 5 or not fields[3].isdecimal():
        raise InputError("A record in these codes is not whole. Scan all codes again.")
    return {
        "id": fields[0],
        "kind": fields[1],
        "form": fields[2],
        "key": int(fields[3]),
        "sealed": fields[4],
    }
