"""Verify a becalm ledger without becalm: the standard library of Python 3.10 or later is enough.

    python verify_ledger.py ledger.sqlite --anchor FILE [--anchor FILE ...]
    python verify_ledger.py EXPORT_FOLDER --anchor FILE
    python verify_ledger.py ENTRY.tlog-proof --log-key KEY [--witness-key KEY ...]
    python verify_ledger.py FIGURE.json --log-key KEY [--witness-key KEY ...]

An anchor is a signed head that was kept away from the ledger: a file, the attachment of an e-mail, the text
of a printed QR code. Without one, nobody can tell whether the end was cut off or all of it was rewritten.
Where a new log took the place of an old one, give the statement that ended the old one as an --anchor too.
A receipt for events that were handed in is checked with --receipt FILE: do they stand as they were handed in?
Exit code 0: the ledger holds. 11: it does not. 15: a head that was kept outside contradicts it. 2: it cannot
be read. `--json` prints it for programs. Nothing is written beside the ledger: it is read from a copy.

What is checked. Entry n is a row of 15 columns. Its hash is SHA-256 over the JSON array
["becalm.entry.1", seq, recorded_at, ..., commitment, previous], without spaces, in UTF-8; `previous` is the
hash of entry n - 1, for the first SHA-256 of ["becalm.ledger.1", identity]. The hashes are the leaves of a
Merkle tree as in RFC 6962. A signed head holds its size and root, with an Ed25519 signature (RFC 8032). The
public keys stand in the entries of kind key_rotated, each signed by the one before. An entry of kind
log_begun begins a log with another identity and names the head of the old one; the statement beside the old
head says the same, signed by the key that signed the old head.

A signed head is a note (c2sp.org/tlog-checkpoint): origin, size and root of the log, the hash of the last
entry, the time and the key, and below an empty line the signatures. Older heads are JSON. A proof
(c2sp.org/tlog-proof) is an entry, the hashes from it up to the root, and such a note; a figure is many.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

COLUMNS = ["seq", "recorded_at", "occurred_at", "kind", "version", "actor", "role", "purpose", "programme"]
COLUMNS += ["subject", "facts", "corrects", "commitment", "previous", "hash"]
SIGNED_FIELDS = ("format", "key", "last", "ledger", "made_at", "root", "size")
SIDE_FIELDS = ("ledger", "size", "root", "last")
ENDING_FIELDS = ("format", "key", "lost_size", "made_at", *(f"new_{name}" for name in SIDE_FIELDS))
ENDING_FIELDS += tuple(f"old_{name}" for name in SIDE_FIELDS)
FORMAT, NOTE_FORMAT = "becalm.checkpoint.1", "becalm.checkpoint.2"  # of a signed head: JSON; a signed note
ORIGIN_START = "becalm.invalid/"
ENDING_FORMAT = "becalm.ending.1"
SALT_BYTES, NONCE_BYTES = 32, 12  # a payload with a nonce in the place of its salt is enciphered
RECEIPT_FORMAT = "becalm.receipt.1"
IN_LEDGER = "the ledger"
UNREADABLE = "unreadable"
HOLDS, CANNOT_READ, BROKEN_CODE, CONTRADICTED_CODE = 0, 2, 11, 15
SEARCH_REACH = 1_000  # how far beyond the end a moved entry is looked for
P = 2**255 - 19  # Ed25519: the field, the order of the group, the curve
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


Row = Sequence[Any]
Head = dict[str, Any]
Point = tuple[int, int, int, int]


def to_json(value: object) -> str:
    """One text for a value; an object must come with its names in order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def digest(value: object) -> str:
    """SHA-256 of that text, in hex."""
    return sha256(to_json(value).encode()).hexdigest()


# --- Ed25519, RFC 8032 section 5.1 ---------------------------------------------------------------------


def decode_point(point_bytes: bytes) -> Point | None:
    """The point that 32 bytes stand for, None where they stand for none."""
    y = int.from_bytes(point_bytes, "little")
    sign_bit, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    # The curve is -x² + y² = 1 + D x² y²: x is a square root, of which the sign says which.
    x_squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x_squared, (P + 3) // 8, P)
    if (x * x - x_squared) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x_squared) % P or (x == 0 and sign_bit):
        return None
    x = P - x if x & 1 != sign_bit else x
    return (x, y, 1, x * y % P)


def add_points(a: Point, b: Point) -> Point:
    """The sum of two points, in extended coordinates."""
    # "Addition of points" of RFC 8032, section 5.1.4, with its letters.
    left_product, right_product = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    cross, doubled = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = right_product - left_product, doubled - cross, doubled + cross, right_product + left_product
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply_point(scalar: int, point: Point) -> Point:
    """A point added to itself this many times."""
    sum_point = (0, 1, 1, 0)
    while scalar:
        sum_point = add_points(sum_point, point) if scalar & 1 else sum_point
        point = add_points(point, point)
        scalar >>= 1
    return sum_point


def is_equal(a: Point, b: Point) -> bool:
    """Whether two points are one."""
    return not ((a[0] * b[2] - b[0] * a[2]) % P or (a[1] * b[2] - b[1] * a[2]) % P)


def is_signed(message: bytes, signature_hex: object, public_hex: object) -> bool:
    """Does the holder of this public key vouch for this message?"""
    try:
        signature, public = bytes.fromhex(str(signature_hex)), bytes.fromhex(str(public_hex))
    except ValueError:
        return False
    if len(signature) != 64 or len(public) != 32 or signature.hex() != signature_hex:
        return False  # capitals and spaces would make many texts of one signature
    base_point = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    key_point, nonce_point = decode_point(public), decode_point(signature[:32])
    signature_scalar = int.from_bytes(signature[32:], "little")
    if base_point is None or key_point is None or nonce_point is None or signature_scalar >= ORDER:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return is_equal(
        multiply_point(signature_scalar, base_point),
        add_points(nonce_point, multiply_point(challenge, key_point)),
    )


# --- reading -------------------------------------------------------------------------------------------


class Ledger:
    """What lies there: identity, rows by their number, the signed heads that were kept, the payloads."""

    identity: str
    rows: list[Row]
    heads: list[Head]
    payloads: dict[int, str] | None = None
    noted_heads: Sequence[tuple[int, str, str]] = ()  # what it notes of itself: size, root, last hash
    notes: Sequence[str] = ()  # what could not be looked at
    receipts: Sequence[tuple[str, int, int, str]] = ()  # of appends: ticket, first, last, or why refused
    has_all_receipts = False  # does every entry stand under one?

    def __init__(self, place: Path) -> None:
        if place.is_dir():
            self.read_export(place)
        else:
            self.read_database(place)

    def read_export(self, folder: Path) -> None:
        """Read what `becalm record export` wrote."""
        ledger_description = json.loads((folder / "ledger.json").read_text("utf-8"))
        if ledger_description["columns"] != COLUMNS:
            raise ValueError("this export has other columns than this verifier knows")
        self.identity = ledger_description["ledger"]
        self.rows = [json.loads(line) for line in read_lines(folder / "entries.jsonl")]
        heads = [json.loads(line) for line in read_lines(folder / "checkpoints.jsonl")]
        self.heads = [{**head, "format": FORMAT} for head in heads]
        if (folder / "receipts.jsonl").is_file():
            self.receipts = [json.loads(line) for line in read_lines(folder / "receipts.jsonl")]
            self.has_all_receipts = bool(ledger_description.get("has_all_receipts"))

    def read_database(self, path: Path) -> None:
        """Read a ledger on SQLite from a copy: SQLite would write beside it, and may not be able to."""
        if not path.is_file():
            raise ValueError("there is no such file or folder")
        with tempfile.TemporaryDirectory() as folder:
            for suffix in ("", "-wal"):  # the newest entries may stand in the log beside it
                if (part := path.with_name(path.name + suffix)).is_file():
                    shutil.copyfile(part, Path(folder, "ledger.sqlite" + suffix))
            self.read_copy(Path(folder, "ledger.sqlite"), path.with_suffix(".head"))

    def read_copy(self, path: Path, memo_path: Path) -> None:
        """Read the database in this file; the note of its last head lies elsewhere."""
        connection = sqlite3.connect(path)
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        self.identity = connection.execute("SELECT identity FROM ledger").fetchone()[0]
        self.rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY seq").fetchall()
        head_columns = ("ledger", "size", "root", "last", "made_at", "key", "signature")
        head_rows = connection.execute(f"SELECT {', '.join(head_columns)} FROM checkpoint ORDER BY number")
        self.heads = [{"format": FORMAT, **dict(zip(head_columns, row, strict=True))} for row in head_rows]
        size, tree_text = connection.execute("SELECT size, tree FROM ledger").fetchone()
        tree_leaf_count, tree_root_hash = tree_size(tree_text), tree_root(tree_text)
        noted_heads = [(size, tree_root_hash, "")]
        if (
            tree_leaf_count is not None and tree_leaf_count != size
        ):  # the two speak of different heads: check both
            noted_heads = [(size, "", ""), (tree_leaf_count, tree_root_hash, "")]
        if memo_path.is_file():
            size, last_hash = memo_path.read_text("ascii").split()[:2]
            noted_heads.append((int(size), "", last_hash))
        else:
            self.notes = [
                f"{memo_path.name} is not beside the ledger: only an anchor can show that its end is there"
            ]
        self.noted_heads = noted_heads
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'receipt'").fetchone():
            self.receipts = connection.execute(
                "SELECT ticket, first, last, '' FROM receipt ORDER BY first"
            ).fetchall()
        payload_rows = connection.execute("SELECT seq, salt, body FROM payload").fetchall()
        self.payloads = {seq: commit_payload(salt, body) for seq, salt, body in payload_rows}
        if "" in self.payloads.values():
            self.notes = [
                *self.notes,
                "details are enciphered: that they are there was checked, not what they say",
            ]
        connection.close()


def commit_payload(salt: bytes, body: bytes) -> str:
    """The commitment that details give; empty where they are enciphered."""
    if len(salt) == NONCE_BYTES:
        return ""
    return sha256(salt + body).hexdigest() if len(salt) == SALT_BYTES else "a salt of another length"


def read_lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text("utf-8").split("\n")[:-1]


# --- verifying -----------------------------------------------------------------------------------------


def own_hash(row: Row) -> str | None:
    """The hash that belongs to a row, whatever hash it bears."""
    try:
        return digest(["becalm.entry.1", *row[:14]])
    except (TypeError, ValueError):
        return None


def refuse_decimal(text: str) -> object:
    """Take no decimal."""
    raise ValueError(text)


def is_canonical(facts_json: str) -> bool:
    """Are these facts an object without decimals, written in the one way to write it?"""
    try:
        facts = json.loads(facts_json, parse_float=refuse_decimal, parse_constant=refuse_decimal)
    except (TypeError, ValueError, RecursionError):
        return False
    if not isinstance(facts, dict):
        return False
    ordered_facts = {name: facts[name] for name in sorted(facts, key=lambda name: name.encode("utf-16-be"))}
    return to_json(ordered_facts) == facts_json


def read_facts(row: Row) -> dict[str, Any]:
    """The facts of a row, none where they are no facts."""
    try:
        fact_by_name = json.loads(row[10])
    except (TypeError, ValueError):
        return {}
    return fact_by_name if isinstance(fact_by_name, dict) else {}


def tree_size(tree: str) -> int | None:
    """How many entries the tree that a ledger notes of itself stands for, if that can be read."""
    try:
        return (
            None if tree_root(tree) == UNREADABLE else sum(int(part.split(":")[0]) for part in tree.split())
        )
    except ValueError:
        return None


def tree_root(tree_text: str) -> str:
    """The Merkle root of the full subtrees that a ledger notes of itself."""
    try:
        peak_hashes = [bytes.fromhex(peak) for _, peak in [part.split(":") for part in tree_text.split()]]
    except ValueError:
        return UNREADABLE
    return root_of_peaks(peak_hashes)


def root_of_peaks(peak_hashes: list[bytes]) -> str:
    """The root of the tree with these full subtrees, from the greatest to the smallest."""
    root_hash = peak_hashes[-1] if peak_hashes else sha256().digest()
    for peak_hash in reversed(peak_hashes[:-1]):
        root_hash = sha256(b"\x01" + peak_hash + root_hash).digest()
    return root_hash.hex()


def compute_roots(hashes: Sequence[str], sizes: set[int]) -> dict[int, str]:
    """The Merkle roots of the first n leaves, for these n."""
    peaks: list[tuple[int, bytes]] = []
    root_by_size = {0: root_of_peaks([])}
    for n, leaf_hash in enumerate(hashes, start=1):
        leaf_count, peak_hash = 1, sha256(b"\x00" + bytes.fromhex(leaf_hash)).digest()
        while peaks and peaks[-1][0] == leaf_count:
            peak_hash, leaf_count = sha256(b"\x01" + peaks.pop()[1] + peak_hash).digest(), 2 * leaf_count
        peaks.append((leaf_count, peak_hash))
        if n in sizes:
            root_by_size[n] = root_of_peaks([peak_bytes for _, peak_bytes in peaks])
    return root_by_size


class Verdict:
    """Everything that is wrong, as (what was done, the first entry that it touches, in words)."""

    def __init__(
        self,
        ledger: Ledger,
        anchors: Iterable[tuple[Head, str]],
        held_receipts: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.ledger, self.rows = ledger, ledger.rows
        self.findings: list[tuple[str, int | None, str]] = []
        self.is_contradicted = False  # by a head that was kept outside
        self.opening_hash = digest(["becalm.ledger.1", ledger.identity])
        self.sound_size = self.count_sound()
        self.size = self.rows[-1][0] if self.rows else 0
        placed_files = list(anchors)
        self.endings = [file for file, _ in placed_files if file["format"] == ENDING_FORMAT]
        self.heads = [*((head, IN_LEDGER) for head in ledger.heads)]
        self.heads += [(file, place) for file, place in placed_files if file["format"] == FORMAT]
        self.heads.sort(key=lambda placed_head: (placed_head[0]["size"], placed_head[1]))
        entry_hashes = [row[14] for row in self.rows[: self.sound_size]]
        self.roots = compute_roots(entry_hashes, self.anchored_sizes() | {self.sound_size})
        self.logs = self.read_logs()
        self.keys = self.read_keys()
        agreeing_heads, unequal_heads = self.check_heads()
        self.proven_size, self.outside_size = self.weigh_heads(
            agreeing_heads,
            [placed_head for placed_head in unequal_heads if placed_head[0]["size"] in self.roots],
        )
        self.check_rows()
        self.check_times()
        self.first_bad_seq = self.first_bad()
        self.check_unequal(unequal_heads)
        self.check_taken_out()
        self.check_noted_heads()
        self.check_payloads()
        self.check_receipts()
        self.check_doubled()
        for held_receipt in held_receipts:
            self.check_held(held_receipt)

    def add_finding(
        self, fate: str, first_seq: int | None, description: str, *, is_contradiction: bool = False
    ) -> None:
        """Note what is wrong; a contradiction is what a head that was kept outside says."""
        self.is_contradicted = self.is_contradicted or is_contradiction
        if (fate, first_seq, description) not in self.findings:
            self.findings.append((fate, first_seq, description))

    def first_bad(self) -> int | None:
        """The first entry of which it is known that it does not hold."""
        return min((first_seq for _, first_seq, _ in self.findings if first_seq is not None), default=None)

    def entries_of_kind(self, kind: str) -> list[tuple[int, dict[str, Any], Row]]:
        """The sound entries of one kind: number, facts, row."""
        return [(row[0], read_facts(row), row) for row in self.rows[: self.sound_size] if row[3] == kind]

    def count_sound(self) -> int:
        """How many rows, from the first, are in their place and hash to what they bear?"""
        last_hash = self.opening_hash
        for n, row in enumerate(self.rows, start=1):
            if row[0] != n or row[13] != last_hash or row[14] != own_hash(row):
                return n - 1
            last_hash = row[14]
        return len(self.rows)

    def read_logs(self) -> dict[str, tuple[int, int]]:
        """The logs that the entries went through, each with the least and the greatest size of its heads."""
        first_size_by_log = {self.ledger.identity: 0}
        for seq, facts, row in self.entries_of_kind("log_begun"):
            named_head = [facts.get(name) for name in ("old_ledger", "old_size", "old_root", "old_last")]
            own_head = [[*first_size_by_log][-1], seq - 1, self.roots[seq - 1], row[13]]
            new_identity = str(facts.get("new_ledger", ""))
            if named_head == own_head and new_identity not in {"", *first_size_by_log}:
                first_size_by_log[new_identity] = seq
            else:
                self.add_finding("rewritten", seq, "it begins a new log, and names another head before it")
        last_sizes = [*(size - 1 for size in [*first_size_by_log.values()][1:]), 2**62]
        return {
            identity: (first_size, last_size)
            for (identity, first_size), last_size in zip(first_size_by_log.items(), last_sizes, strict=True)
        }

    def log_at(self, seq: int) -> str:
        """The identity of the log that this entry was written into."""
        return next(identity for identity, (first, last) in self.logs.items() if first <= seq <= last)

    def read_keys(self) -> dict[str, str]:
        """The public keys that the entries name, by their id."""
        key_by_id: dict[str, str] = {}
        self.key_changes: list[tuple[int, str]] = []
        old_id = ""
        for seq, facts, _ in self.entries_of_kind("key_rotated"):
            new_key = str(facts.get("new_public_key", ""))
            signed_message = to_json(["becalm.key.1", self.log_at(seq), old_id, new_key]).encode()
            is_named = facts.get("old_key") == old_id and facts.get("new_key") == key_id(new_key)
            if is_named and (
                not old_id or is_signed(signed_message, facts.get("old_signature"), key_by_id[old_id])
            ):
                old_id = str(key_id(new_key))
                key_by_id[old_id] = new_key
                self.key_changes.append((seq, new_key))
            else:
                self.add_finding("key", seq, "a new signing key that the one before did not sign")
        return key_by_id

    def weigh_heads(
        self, agreeing_heads: list[tuple[Head, str]], contradicting_heads: list[tuple[Head, str]]
    ) -> tuple[int, int]:
        """How many entries do the heads prove, and those kept outside?

        Who rewrites a ledger may sign its heads again: a head that contradicts ends what they prove, and
        where it was kept outside, the heads in the ledger prove nothing.
        """
        first_bad_size = min((head["size"] for head, _ in contradicting_heads), default=self.sound_size + 1)
        is_contradicted_outside = any(place != IN_LEDGER for _, place in contradicting_heads)
        sized_proofs = [
            (head["size"], place) for head, place in agreeing_heads if head["size"] < first_bad_size
        ]
        proven_outside_size = max((size for size, place in sized_proofs if place != IN_LEDGER), default=0)
        proven_size = max((size for size, _ in sized_proofs), default=0)
        return proven_outside_size if is_contradicted_outside else proven_size, proven_outside_size

    def check_heads(self) -> tuple[list[tuple[Head, str]], list[tuple[Head, str]]]:
        """Whose are the signed heads? Returns those that agree with the entries, and those that do not."""
        agreeing_heads, unequal_heads = [], []
        for head, place in self.heads:
            has_known_key = head.get("key") in self.keys
            if not self.is_usable(head, place, f"the signed head of {head['size']} entries in {place}"):
                continue
            is_ended = self.check_ending(head, place)
            first_size, last_size = self.logs[head["ledger"]]
            if first_size <= head["size"] <= last_size and self.roots.get(head["size"]) == head["root"]:
                if has_known_key:
                    agreeing_heads.append((head, place))
            elif not (is_ended and head["size"] > last_size):
                unequal_heads.append((head, place))
        return agreeing_heads, unequal_heads

    def is_usable(self, head: Head, place: str, label: str) -> bool:
        """Is this head signed, and of a log of this ledger? What is wrong with it is noted."""
        has_known_key = head.get("key") in self.keys
        if has_known_key and not has_signature(head, SIGNED_FIELDS, self.keys[head["key"]]):
            self.add_finding("checkpoint", None, f"{label} was altered: its signature does not fit it")
        elif not has_known_key and place == IN_LEDGER:
            self.add_finding("key", None, f"{label} is signed with a key that this ledger does not name")
        elif not has_known_key and not has_own_signature(head, SIGNED_FIELDS):
            self.add_finding("checkpoint", None, f"{label} is not signed by the key that it names")
        elif head.get("ledger") not in self.logs:
            problem = f"{label} is of ledger {head.get('ledger')}: another took its place"
            self.add_finding("rewritten", 1, problem, is_contradiction=place != IN_LEDGER)
        else:
            if not has_known_key and head["size"] <= self.sound_size:
                problem = f"{label} is signed with a key that this ledger does not name"
                self.add_finding("key", None, problem, is_contradiction=True)
            return True
        return False

    def check_ending(self, head: Head, place: str) -> bool:
        """Does a statement end the log of this head, where another one followed it? Else that is wrong."""
        log_identities = [*self.logs]
        if place == IN_LEDGER or head["ledger"] == log_identities[-1]:
            return False
        new_identity = log_identities[log_identities.index(head["ledger"]) + 1]
        old_size, new_size = self.logs[head["ledger"]][1], self.logs[new_identity][0]
        old_head = [head["ledger"], old_size, self.roots[old_size]]
        new_head = [new_identity, new_size, self.rows[new_size - 1][14]]
        for ending in self.endings:
            if (
                [ending.get(name) for name in ("old_ledger", "old_size", "old_root")] == old_head
                and [ending.get(name) for name in ("new_ledger", "new_size", "new_last")] == new_head
                and ending.get("key") == head.get("key")
                and str(head.get("made_at")) <= str(ending.get("made_at"))
                and has_own_signature(ending, ENDING_FIELDS)
            ):
                return True
        problem = f"a new log begins here, and no statement ends the log of the head in {place}"
        self.add_finding("shorter", new_size, problem, is_contradiction=True)
        return False

    def check_times(self) -> None:
        """Do the entries follow one another in time, but where the clock was set right under a signature?"""
        last_time = ""
        for row in self.rows[: self.sound_size]:
            recorded_at, occurred_at = str(row[1]), str(row[2])
            if row[3] == "clock_corrected":
                facts, public_key = read_facts(row), self.key_before(row[0])
                time_texts = [facts.get("old_time"), facts.get("new_time")]
                signed_message = to_json(
                    ["becalm.clock.1", self.log_at(row[0]), row[13], *time_texts]
                ).encode()
                if public_key and not is_signed(signed_message, facts.get("signature"), public_key):
                    self.add_finding("sense", row[0], "it sets the clock right, and the key did not sign it")
            elif recorded_at < last_time:
                self.add_finding("sense", row[0], "it was recorded before the entry that it follows")
            if occurred_at > recorded_at:
                self.add_finding("sense", row[0], "it occurred after it was recorded")
            last_time = recorded_at

    def key_before(self, seq: int) -> str:
        """The public key that signed for the ledger when this entry was written; empty if none did yet."""
        return next((key for first_seq, key in reversed(self.key_changes) if first_seq < seq), "")

    def check_unequal(self, unequal_heads: list[tuple[Head, str]]) -> None:
        """Was the ledger cut off, or rewritten?"""
        longer_heads = [placed_head for placed_head in unequal_heads if placed_head[0]["size"] > self.size]
        if longer_heads:
            head, place = longer_heads[-1]
            problem = f"the ledger has {self.size} entries, but had {head['size']} (signed head in {place}): "
            problem += "an older copy, or its end was cut off"
            is_outside = any(place != IN_LEDGER for _, place in longer_heads)
            self.add_finding("shorter", self.size + 1, problem, is_contradiction=is_outside)
        contradicting_heads = [(head, place) for head, place in unequal_heads if head["size"] in self.roots]
        for head, place in contradicting_heads[:1]:
            first_seq = self.first_rewritten(head["size"])
            problem = f"the first {head['size']} entries are not those of the signed head in {place}; "
            problem += f"entries 1 to {self.proven_size} are proven" if self.proven_size else "none is proven"
            is_outside = any(place != IN_LEDGER for _, place in contradicting_heads)
            self.add_finding("rewritten", first_seq, problem, is_contradiction=is_outside)

    def first_rewritten(self, size: int) -> int:
        """Which is the first bad entry, where the first `size` are not those that they were?"""
        return (
            self.first_bad_seq
            if self.first_bad_seq and self.first_bad_seq <= size
            else min(self.proven_size + 1, size)
        )

    def anchored_sizes(self) -> set[int]:
        """The sizes of which a root is known from somewhere."""
        log_sizes = {row[0] - 1 for row in self.rows[: self.sound_size] if row[3] == "log_begun"}
        noted_sizes = {size for size, _, _ in self.ledger.noted_heads}
        return {head["size"] for head, _ in self.heads} | noted_sizes | log_sizes

    def check_noted_heads(self) -> None:
        """Does it hold what it notes of itself?"""
        for noted_size, noted_root, last_hash in self.ledger.noted_heads:
            if noted_size > self.size:
                self.add_finding(
                    "shorter", self.size + 1, f"it notes of itself that it had {noted_size} entries"
                )
            elif noted_size in self.roots:
                row_hash = self.rows[noted_size - 1][14] if noted_size else self.opening_hash
                if noted_root not in ("", self.roots[noted_size]) or last_hash not in ("", row_hash):
                    self.add_finding(
                        "rewritten",
                        self.first_rewritten(noted_size),
                        f"it notes other first {noted_size} entries of itself",
                    )

    def check_taken_out(self) -> None:
        """Is every signed head there that the entries say was made?"""
        size_root_pairs = {(head["size"], head["root"]) for head in self.ledger.heads}
        for seq, facts, _ in self.entries_of_kind("checkpoint_made"):
            if (facts.get("size"), facts.get("root")) not in size_root_pairs:
                self.add_finding("checkpoint", None, f"the signed head that entry {seq} made was taken out")

    def check_rows(self) -> None:
        """Is every row what was written?"""
        loose_seq = next((row[0] for row in self.rows[: self.sound_size] if not is_canonical(row[10])), None)
        if loose_seq:
            self.add_finding("altered", loose_seq, "facts that are written as no ledger writes them")
        if self.sound_size < len(self.rows):
            self.add_finding(*self.diagnose(self.rows[self.sound_size], self.sound_size + 1))

    def diagnose(self, row: Row, n: int) -> tuple[str, int, str]:
        """What happened at the first row that is not sound, which stands where entry n belongs?"""
        last_hash = self.rows[n - 2][14] if n > 1 else self.opening_hash
        if row[0] != n:
            return ("missing" if row[0] > n else "inserted"), n, f"entry {row[0]} stands where {n} belongs"
        if own_hash(row) == row[14]:
            if n > 1 and self.proven_size < n - 1:
                return "altered", n - 1, f"entry {n} was not written after this entry {n - 1}"
            return "altered", n, "it does not follow the entry before it: it was rewritten"
        if own_hash([*row[:13], last_hash]) == row[14]:
            return "altered", n, "its link to the entry before it was altered"
        if (written_seq := self.find_number(row)) < n:
            is_copy = self.rows[written_seq - 1][14] == row[14]
            origin_text = f"the row numbered {n} was written as entry {written_seq}"
            return "inserted", n if is_copy else written_seq, origin_text
        for written_seq in range(1, self.size + SEARCH_REACH + 1) if row[13] != last_hash else ():
            if own_hash([written_seq, *row[1:]]) == row[14]:
                return "moved", n, f"this row was written as entry {written_seq}"
        return "altered", n, "what it says does not give its hash"

    def find_number(self, row: Row) -> int:
        """Under which number was a row written that names an earlier entry? One too great if none."""
        chain_hashes = [self.opening_hash] + [sound_row[14] for sound_row in self.rows[: self.sound_size]]
        entry_number = chain_hashes.index(row[13]) + 1 if row[13] in chain_hashes else len(chain_hashes)
        return entry_number if own_hash([entry_number, *row[1:]]) == row[14] else len(chain_hashes)

    def check_payloads(self) -> None:
        """Are the personal details beside the entries those that were committed to?"""
        if self.ledger.payloads is None:
            return
        payloads, erased_seqs = self.ledger.payloads, self.erased_seqs()
        commitment_by_seq = {row[0]: row[12] for row in self.rows[: self.sound_size] if row[12]}
        for seq, commitment in commitment_by_seq.items():
            if payloads.get(seq) and payloads[seq] != commitment:
                self.add_finding("payload", seq, "its details are not those that were recorded")
            elif (seq in payloads) == (seq in erased_seqs):
                state_text = "there, though erased" if seq in payloads else "gone, and no erasure is recorded"
                self.add_finding("payload", seq, f"its details are {state_text}")
        for seq in sorted(set(payloads) - set(commitment_by_seq)):
            if seq <= self.sound_size:
                self.add_finding("payload", seq, "there are details beside it, though it recorded none")

    def check_receipts(self) -> None:
        """Does every receipt name entries that are there, and does no entry stand under two, or none?"""
        last_seq = 0
        for ticket, first, last, _ in self.ledger.receipts:
            if first < 1:
                continue
            if not first <= last <= self.size:
                self.add_finding("receipt", first, f"the receipt {ticket} names entries that are not there")
            elif first <= last_seq:
                self.add_finding("receipt", first, f"it stands under two receipts: {ticket} and another")
            elif self.ledger.has_all_receipts and first > last_seq + 1:
                self.add_finding("receipt", last_seq + 1, "it has no receipt: sealed twice, or put in")
            last_seq = max(last_seq, last)
        if self.ledger.has_all_receipts and last_seq < self.size:
            self.add_finding("receipt", last_seq + 1, "it has no receipt: sealed twice, or put in")

    def check_doubled(self) -> None:
        """Do two entries commit to the same details? Random bytes are in each: one was sealed twice."""
        first_by_commitment: dict[str, int] = {}
        for row in self.rows[: self.sound_size]:
            if row[12] and first_by_commitment.setdefault(row[12], row[0]) != row[0]:
                first_seq = first_by_commitment[row[12]]
                self.add_finding("receipt", row[0], f"it has the details of entry {first_seq}: sealed twice")

    def check_held(self, promise: dict[str, Any]) -> None:
        """Does what a receipt promises stand, as it was handed in?"""
        spans = [receipt[1:] for receipt in self.ledger.receipts if receipt[0] == promise["ticket"]]
        label = f"the receipt {promise['ticket'][:40]} for {promise['events']} events"
        if promise["ledger"] not in self.logs or not spans:
            problem = f"{label} names events that this ledger does not hold"
            self.add_finding("receipt", None, problem, is_contradiction=True)
            return
        first, last, refusal = spans[0]
        rows = self.rows[first - 1 : last] if first > 0 else []
        event_texts = [to_json(list(row[2:13]))[1:-1] for row in rows]
        if refusal:
            self.add_finding("receipt", None, f"{label} was refused afterwards: {refusal}")
        elif (
            len(rows) != promise["events"]
            or sha256("\n".join(event_texts).encode()).hexdigest() != promise["digest"]
        ):
            problem = f"{label} names entries {first} to {last}, which are not what was handed in"
            self.add_finding("receipt", first, problem, is_contradiction=True)

    def erased_seqs(self) -> set[int]:
        """The entries whose details were destroyed, as the entries say."""
        seq_lists = [facts.get("entries") for _, facts, _ in self.entries_of_kind("payload_erased")]
        return {seq for seqs in seq_lists if isinstance(seqs, list) for seq in seqs}


def has_signature(file: Head, fields: Sequence[str], public_key: object) -> bool:
    """Did the holder of this key sign these fields of a head or a statement, or the head as a note?"""
    signed_messages = [to_json({field: file.get(field) for field in sorted(fields)}).encode()]
    if fields is SIGNED_FIELDS:
        signed_messages.append(head_text(file, public_key).encode())
    return any(is_signed(message, file.get("signature"), public_key) for message in signed_messages)


def head_text(head: Head, public_key: object) -> str:
    """The text of the note that says this head."""
    try:
        root = b64encode(bytes.fromhex(head["root"])).decode()
    except (ValueError, TypeError):
        root = UNREADABLE
    lines = [f"{ORIGIN_START}{head.get('ledger')}", head.get("size"), root]
    lines += [f"last {head.get('last')}", f"made {head.get('made_at')}", f"key {public_key}"]
    return "".join(f"{line}\n" for line in lines)


def read_note(text: str) -> Head:
    """The head that a signed note says; raises ValueError where it says none of a becalm ledger."""
    origin, size, root, *extensions = text.partition("\n\n")[0].split("\n")
    names = [extension.partition(" ")[0] for extension in extensions]
    if not origin.startswith(ORIGIN_START) or not size.isdigit() or names != ["last", "made", "key"]:
        raise ValueError("it is no head of a becalm ledger")
    last, made_at, public_key = (extension.partition(" ")[2] for extension in extensions)
    signature = find_signature(text, origin, 1, bytes.fromhex(public_key))
    head = {"format": FORMAT, "ledger": origin.removeprefix(ORIGIN_START), "size": int(size), "last": last}
    head |= {"root": b64decode(root, validate=True).hex(), "made_at": made_at, "key": key_id(public_key)}
    return {**head, "signature": (signature or b"").hex(), "public_key": public_key}


def find_signature(note: str, name: str, signature_type: int, public_key: bytes) -> bytes | None:
    """The signature below a note by the key with this name, None where there is none."""
    note_key_id = sha256(name.encode() + b"\n" + bytes([signature_type]) + public_key).digest()[:4]
    lines = [line.split(" ") for line in note.strip().rpartition("\n\n")[2].split("\n")]
    signatures = [b64decode(words[2]) for words in lines if words[:2] == ["—", name] and len(words) == 3]
    return next((signature[4:] for signature in signatures if signature[:4] == note_key_id), None)


def has_own_signature(file: Head, fields: Sequence[str]) -> bool:
    """Did the key that came with it sign it? Whose key it is, is not asked."""
    public_key = str(file.get("public_key", ""))
    return key_id(public_key) == file.get("key") and has_signature(file, fields, public_key)


def key_id(public: str) -> str | None:
    """What a public key is known by."""
    try:
        return sha256(bytes.fromhex(public)).hexdigest()
    except ValueError:
        return None


# --- the proof of an entry or a figure -----------------------------------------------------------------

PROOF_TAG, FIGURE_FORMAT = "c2sp.org/tlog-proof@v1", "becalm.figure-proof.1"


class ProvenEntries:
    """What the proofs in a file show: the rows of entries, under one signed head."""

    def __init__(self, proofs: Sequence[str], log_keys: Sequence[str], witness_keys: Sequence[str]) -> None:
        self.faults: list[str] = []
        self.note = proofs[0].partition("\n\n")[2]
        self.origin, size, root, *_ = self.note.split("\n")
        self.size, self.root = int(size), b64decode(root, validate=True)
        self.row_by_seq = {row[0]: row for row in map(self.read_proof, proofs)}
        self.check_note(log_keys, witness_keys)

    def read_proof(self, proof: str) -> Row:
        """The row of the entry in a proof, which must lead from there to the root of the head."""
        preamble, _, note = proof.partition("\n\n")
        tag, extra_line, index_line, *hash_lines = preamble.split("\n")
        if tag != PROOF_TAG or extra_line[:6] != "extra " or index_line[:6] != "index ":
            raise ValueError("it is no proof of an entry")
        hashed_array, index = b64decode(extra_line[6:], validate=True), int(index_line[6:])
        row: Row = json.loads(hashed_array)[1:]
        siblings = [b64decode(line, validate=True) for line in hash_lines]
        leaf_hash = sha256(b"\x00" + sha256(hashed_array).digest()).digest()
        if note != self.note:
            self.faults.append(f"the proof of entry {row[0]} leads to another head than the first")
        if row[0] != index + 1 or not leads_to_root(leaf_hash, index, self.size, siblings, self.root):
            self.faults.append(f"the proof of entry {row[0]} does not lead to the root of the signed head")
        if to_json(["becalm.entry.1", *row]).encode() != hashed_array:
            self.faults.append(f"entry {row[0]} is not written as a ledger writes it")
        return row

    def check_note(self, log_keys: Sequence[str], witness_keys: Sequence[str]) -> None:
        """Is the head signed by a key of the log that is trusted, and by every witness that was named?"""
        text = self.note.rpartition("\n\n")[0] + "\n"
        known_keys = [key for key in log_keys if key.split("+")[0] == self.origin]
        if not any(is_note_signed(self.note, text, key) for key in known_keys):
            self.faults.append(f"no key that was given signed the head of {self.origin}")
        for key in witness_keys:
            if not is_note_signed(self.note, text, key):
                self.faults.append(f"the witness {key.split('+')[0]} did not sign the head")


def leads_to_root(node: bytes, index: int, size: int, siblings: Sequence[bytes], root: bytes) -> bool:
    """Do these hashes lead from a leaf to the root (RFC 9162, 2.1.3.2)?"""
    last_index = size - 1
    if not 0 <= index <= last_index:
        return False
    for sibling in siblings:
        if last_index == 0:
            return False
        if index % 2 or index == last_index:
            node = sha256(b"\x01" + sibling + node).digest()
            while index % 2 == 0 and index:
                index, last_index = index // 2, last_index // 2
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        index, last_index = index // 2, last_index // 2
    return last_index == 0 and node == root


def is_note_signed(note: str, text: str, key: str) -> bool:
    """Did the holder of this key (NAME+ID+KEY) sign the text of the note, or cosign it as a witness?"""
    name, _, key_material = key.split("+", 2)
    key_bytes = b64decode(key_material, validate=True)
    signature, message = find_signature(note, name, key_bytes[0], key_bytes[1:]), text.encode()
    if signature is not None and key_bytes[0] == 4:
        message = f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n{text}".encode()
        signature = signature[8:]
    return signature is not None and is_signed(message, signature.hex(), key_bytes[1:].hex())


def check_figure(figure: dict[str, Any], proven: ProvenEntries) -> None:
    """Is every arrest of the figure there once, of the period, and as the entry that corrects it says?"""
    if len({first for first, _ in figure["entries"]}) != figure["arrests"]:
        proven.faults.append(f"it counts {figure['arrests']} arrests and names another number of entries")
    for first_seq, latest_seq in figure["entries"]:
        first_row, latest_row = (proven.row_by_seq.get(seq) for seq in (first_seq, latest_seq))
        if first_row is None or latest_row is None:
            proven.faults.append(f"it counts entry {first_seq} without a proof")
        elif {first_row[3], latest_row[3]} != {"arrest_made"}:
            proven.faults.append(f"entry {first_seq} is no arrest")
        elif first_row[11] is not None or (first_seq != latest_seq and latest_row[11] != first_seq):
            proven.faults.append(f"entry {latest_seq} does not correct entry {first_seq}")
        elif not figure["since"] <= latest_row[2] < figure["until"]:
            proven.faults.append(f"the arrest of entry {latest_seq} was made at another time than the period")


def report_proof(path: Path, log_keys: Sequence[str], witness_keys: Sequence[str]) -> tuple[list[str], int]:
    """What the proof of an entry or a figure shows, in words, and the exit code."""
    text = path.read_text("utf-8")
    figure = json.loads(text) if text.lstrip().startswith("{") else None
    proven = ProvenEntries(figure["proofs"] if figure else [text], log_keys, witness_keys)
    lines = [f"Log {proven.origin}: a signed head of {proven.size} entries"]
    if figure:
        check_figure(figure, proven)
        lines.append(f"{figure['arrests']} arrests, {figure['since']} to before {figure['until']}")
        lines.append(
            "Not shown: that there are no other arrests and no later corrections. Ask for an export."
        )
    else:
        lines += [
            f"{name:<12} {value}" for name, value in zip(COLUMNS, *proven.row_by_seq.values(), strict=False)
        ]
    if not proven.faults:
        witness_text = f", and {len(witness_keys)} witnesses signed it too" if witness_keys else ""
        return [*lines, f"It holds: every entry is under that head{witness_text}."], HOLDS
    return [*lines, *(f"DOES NOT HOLD  {fault}" for fault in proven.faults)], BROKEN_CODE


def is_proof(path: Path) -> bool:
    """Is this file a proof, and no ledger?"""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(len(PROOF_TAG))
    return start == PROOF_TAG.encode() or start.lstrip()[:1] == b"{"


# --- the command ---------------------------------------------------------------------------------------


def read_anchor(path: str) -> tuple[Head, str]:
    """A signed head that was kept outside, or the statement that ends a log, with its place."""
    text = Path(path).read_text("utf-8")
    if not text.lstrip().startswith("{"):
        return read_note(text), path
    anchor_file = json.loads(text)
    if isinstance(anchor_file, dict) and anchor_file.get("format") == NOTE_FORMAT:
        return read_note(anchor_file["note"]), path
    is_head = (
        isinstance(anchor_file, dict)
        and anchor_file.get("format") == FORMAT
        and isinstance(anchor_file.get("size"), int)
    )
    if not is_head and not (isinstance(anchor_file, dict) and anchor_file.get("format") == ENDING_FORMAT):
        raise ValueError(f"{path} is no anchor")
    return anchor_file, path


def read_receipt(path: str) -> dict[str, Any]:
    """A receipt for events that were handed in."""
    receipt = json.loads(Path(path).read_text("utf-8"))
    if not isinstance(receipt, dict) or receipt.get("format") != RECEIPT_FORMAT:
        raise ValueError(f"{path} is no receipt")
    return {**receipt, "ticket": str(receipt["ticket"]), "events": int(receipt["events"])}


def report(verdict: Verdict) -> list[str]:
    """The verdict in words."""
    root_hash = verdict.roots[verdict.sound_size]
    report_lines = [f"Ledger {verdict.ledger.identity}: {verdict.size} entries, root {root_hash}"]
    for fate, seq, description in verdict.findings:
        report_lines.append(
            f"DOES NOT HOLD  {f'entry {seq}' if seq else place_of(fate)} ({fate}): {description}"
        )
    reach_text = f"Entries 1 to {verdict.outside_size} agree with a head that was kept outside."
    if not verdict.findings:
        report_lines.append(f"It holds. {reach_text if verdict.outside_size else ''}".strip())
    if not verdict.outside_size and verdict.size:
        report_lines.append("No head that was kept outside was compared: give one with --anchor.")
    if verdict.outside_size < verdict.sound_size:
        report_lines.append(
            f"Not shown: whether entries after {verdict.outside_size} were cut off or rewritten. "
            "For that, give a newer --anchor."
        )
    report_lines += [f"Note: {note}." for note in verdict.ledger.notes]
    return report_lines


def place_of(fate: str) -> str:
    """Where something is wrong that touches no entry."""
    return "receipt" if fate == "receipt" else "signed head"


def main(arguments: Sequence[str]) -> int:
    """Verify, print, and return the exit code."""
    parser = argparse.ArgumentParser(description="Verify a becalm ledger with nothing but Python.")
    parser.add_argument("ledger", help="ledger.sqlite, the folder of an export, or a proof")
    parser.add_argument("--anchor", action="append", default=[], help="a signed head that was kept outside")
    parser.add_argument("--receipt", action="append", default=[], help="for events that were handed in")
    parser.add_argument("--log-key", action="append", default=[], help="of a proof: the key of the log")
    parser.add_argument("--witness-key", action="append", default=[], help="of a proof: a witness's key")
    parser.add_argument("--json", action="store_true", help="print the verdict for programs")
    options = parser.parse_args(arguments)
    try:
        if is_proof(Path(options.ledger)):
            lines, exit_code = report_proof(Path(options.ledger), options.log_key, options.witness_key)
            sys.stdout.write("\n".join(lines) + "\n")
            return exit_code
        held_receipts = [read_receipt(path) for path in options.receipt]
        anchors = [read_anchor(path) for path in options.anchor]
        verdict = Verdict(Ledger(Path(options.ledger)), anchors, held_receipts)
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        sys.stderr.write(f"{options.ledger} cannot be read: {error}\n")
        return CANNOT_READ
    summary_fields = {
        "holds": not verdict.findings,
        "contradicted": verdict.is_contradicted,
        "first_bad": verdict.first_bad(),
        "fates": sorted({fate for fate, _, _ in verdict.findings}),
        "root": verdict.roots[verdict.sound_size],
    }
    sys.stdout.write((json.dumps(summary_fields) if options.json else "\n".join(report(verdict))) + "\n")
    if verdict.is_contradicted:
        return CONTRADICTED_CODE
    return BROKEN_CODE if verdict.findings else HOLDS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
