"""A ledger of a small force, and every way that somebody with the database in hand may change it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from ledgers import open_sqlite
from sqlalchemy import Connection, NullPool, create_engine, text

from becalm.desk import Desk, make_event
from becalm.ledger import Checkpoint, EventToAppend, Head, Ledger, StoredRow, hash_row, opening_hash
from becalm.ledger.chain import COLUMNS
from becalm.ledger.merkle import NO_PEAKS, append_leaves
from becalm.ledger.signed_heads import sign_checkpoint
from becalm.ledger.signing import SigningKey, draw_key, read_key
from becalm.ledger.store.new_entries import format_peaks
from becalm.ledger.store.postgres_server import SCHEMA
from becalm.ledger.store.postgres_setup import OWNER
from becalm.record.core.request import CheckpointRequest
from becalm.record.desk.verify import make_checkpoint
from becalm.workspace.config import Workspace

START = datetime(2020, 4, 1, 8, tzinfo=UTC)
NEXT_DAY = START + timedelta(days=1)
ENTRIES = 48
POINTS = (15, 30)  # after so many events a signed head is sent
TEXT_COLUMNS = ("kind", "actor", "role", "purpose", "programme", "subject", "commitment", "previous", "hash")
INSERT = text(f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({', '.join(':' + c for c in COLUMNS)})")
FAR = 1_000_000  # numbers nobody uses, to move rows through


@dataclass(frozen=True)
class Expected:
    """What a verification must name: a first bad entry from `low` to `high`, none if both are None."""

    way: str
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Scene:
    """An honest ledger as the one who tampers sees it."""

    identity: str
    rows: tuple[StoredRow, ...]
    outside: tuple[int, ...]  # sizes of the heads that were kept outside; the greatest is all of it
    key: SigningKey
    with_payload: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.rows)

    def proven_before(self, seq: int) -> int:
        """How many entries a head kept outside proves, where all from `seq` on are others."""
        return max((size for size in self.outside if size < seq), default=0)


Way = Callable[[Connection, Random, Scene], Expected]


def sqlite_desk(workspace: Workspace, *, seed: int = 0, start: datetime = START) -> Desk:
    """A desk with a clock that ticks and salts that are drawn from a seed."""
    rng, ticks = Random(seed), iter(range(10**9))

    def now() -> datetime:
        return start + timedelta(seconds=next(ticks))

    ledger: Ledger = open_sqlite(
        workspace.path / "ledger.sqlite", now=now, draw_salt=lambda: rng.randbytes(32)
    )
    return desk_on(workspace, ledger, now)


def desk_on(workspace: Workspace, ledger: Ledger, now: Callable[[], datetime]) -> Desk:
    return Desk(
        workspace=workspace,
        archive=None,  # type: ignore[arg-type] # the ledger's questions never ask it
        actor="Insp. A",
        now=now,
        draw_seed=lambda: 0,
        open_ledger=lambda: ledger,
    )


def fill(desk: Desk, outside: Path, backups: Path | None = None) -> Scene:
    """Record arrests, some with details beside them, and send signed heads away; the last one covers all."""
    outside.mkdir(parents=True, exist_ok=True)
    ledger = desk.open_ledger()
    for n in range(1, ENTRIES + 1):
        facts = {"unit": f"VSU {n % 5}", "activity": "dedicated", "place_easting_m": 530_000 + n}
        event = make_event(desk, "arrest_made", purpose="arrest log", facts=facts)
        ledger.append([EventToAppend(event, f"name {n}".encode() if n % 4 == 0 else None)])
        if n in POINTS:
            make_checkpoint(desk, CheckpointRequest())
            if backups is not None:
                shutil.copytree(desk.workspace.path, backups / str(ledger.head().size))
    make_checkpoint(desk, CheckpointRequest())
    key = read_key(desk.workspace.path / "ledger.key")
    assert key is not None
    sizes = _send_all(ledger, key, desk.workspace.path / "anchors", outside)
    rows = tuple(ledger.rows())
    return Scene(ledger.identity, rows, sizes, key, tuple(row[0] for row in rows if row[12]))


def _send_all(ledger: Ledger, key: SigningKey, inside: Path, outside: Path) -> tuple[int, ...]:
    """Every second head goes outside, and one of all that there is."""
    from becalm.ledger import format_anchor

    last = signed(Checkpoint(ledger.identity, ledger.head(), START, key.id, ""), key)
    kept = [*ledger.checkpoints()[::2], last]
    for point in kept:
        (outside / f"{point.head.size}.json").write_text(format_anchor(point, key.public_key))
    shutil.rmtree(inside)
    return tuple(sorted(point.head.size for point in kept))


def signed(point: Checkpoint, key: SigningKey) -> Checkpoint:
    """The same head, signed with this key."""
    return sign_checkpoint(point, key)


@contextmanager
def open_raw(path: Path) -> Iterator[Connection]:
    """The database itself, past becalm and past its triggers, which stand again when this ends."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as db:
        triggers = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in triggers:
            db.execute(text(f"DROP TRIGGER {name}"))
        yield db
        for _, sql in triggers:
            db.exec_driver_sql(sql)
        db.commit()


@contextmanager
def open_as_owner(url: str) -> Iterator[Connection]:
    """The database itself, as the owner of the tables, who puts aside every guard, and back in its place."""
    tables = ("event", "checkpoint", "ledger", "payload", "payload_key")
    guarded = ("event", "checkpoint")
    with create_engine(url, poolclass=NullPool).connect() as db:
        db.execute(text(f"SET search_path = {SCHEMA}"))
        db.execute(text(f"SET ROLE {OWNER}"))
        for table in tables:
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for table in guarded:
            db.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        yield db
        for table in tables:
            db.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        for table in guarded:
            db.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
        db.commit()


# --- the ways ----------------------------------------------------------------------------------------------


def edit_a_column(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq, column = rng.randint(1, scene.size), rng.choice(COLUMNS[1:])
    row = dict(zip(COLUMNS, scene.rows[seq - 1], strict=True))
    set_row(db, seq, {column: another(rng, column, row[column])})
    return Expected(f"edit {column}", seq, seq)


def edit_and_hash_anew(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq = rng.randint(1, scene.size)
    column = rng.choice(("occurred_at", "actor", "purpose", "facts", "subject", "recorded_at"))
    changed = changed_row(rng, scene.rows[seq - 1], column)
    set_row(db, seq, dict(zip(COLUMNS, changed, strict=True)))
    low = seq if seq < scene.size else scene.proven_before(seq) + 1
    return Expected("edit and hash again", low, seq)


def renumber(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq = rng.randint(1, scene.size)
    set_row(db, seq, {"seq": scene.size + rng.randint(1, 50)})
    return Expected("renumber", seq, seq)


def delete_some(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq = rng.randint(1, scene.size)
    last = min(scene.size, seq + rng.choice((0, 0, 0, 1, 5)))
    db.execute(text("DELETE FROM event WHERE seq BETWEEN :a AND :b"), {"a": seq, "b": last})
    if rng.random() < 0.5:
        shift(db, last + 1, seq - 1 - last)
    return Expected("delete", seq, seq)


def insert_one(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq = rng.randint(1, scene.size)
    shift(db, seq, 1)
    previous = scene.rows[seq - 2][14] if seq > 1 else opening_hash(scene.identity)
    forged = (seq, *changed_row(rng, scene.rows[seq - 1], "facts")[1:13], previous, "")
    mark = hash_row(forged) if rng.random() < 0.7 else rng.randbytes(32).hex()
    db.execute(INSERT, dict(zip(COLUMNS, (*forged[:14], mark), strict=True)))
    return Expected("insert", seq, seq)


def reorder(db: Connection, rng: Random, scene: Scene) -> Expected:
    first, second = sorted(rng.sample(range(1, scene.size + 1), 2))
    set_row(db, first, {"seq": FAR})
    set_row(db, second, {"seq": first})
    if rng.random() < 0.3 and second - first > 1:  # the whole run is moved up
        for seq in range(second - 1, first, -1):
            set_row(db, seq, {"seq": seq + 1})
        set_row(db, FAR, {"seq": first + 1})
    else:
        set_row(db, FAR, {"seq": second})
    return Expected("reorder", first, first)


def cut_the_tail(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq = rng.randint(1, scene.size)
    db.execute(text("DELETE FROM event WHERE seq >= :seq"), {"seq": seq})
    if rng.random() < 0.8:  # and everything that would tell inside of the database
        db.execute(text("DELETE FROM checkpoint WHERE size >= :seq"), {"seq": seq})
        if db.dialect.name == "sqlite":
            db.execute(text("DELETE FROM payload WHERE seq >= :seq"), {"seq": seq})
        note_again(db, scene.rows[: seq - 1])
    return Expected("cut the tail", seq, seq)


def rewrite_from(db: Connection, rng: Random, scene: Scene) -> Expected:
    """The owner, who also holds the signing key, writes everything again from one entry on."""
    seq = rng.choice((1, rng.randint(1, scene.size)))
    rows = rewritten(rng, scene, seq)
    replace_all(db, rows)
    note_again(db, rows)
    sign_again(db, rows, scene.key)
    return Expected("rewrite", scene.proven_before(seq) + 1, scene.proven_before(seq) + 1)


def take_another_ledger(db: Connection, rng: Random, scene: Scene) -> Expected:
    """A consistent ledger of another identity stands in its place."""
    identity = rng.randbytes(16).hex()
    rows = rewritten(rng, replace(scene, identity=identity), 1)
    replace_all(db, rows)
    note_again(db, rows)
    db.execute(text("UPDATE ledger SET identity = :id"), {"id": identity})
    db.execute(text("UPDATE checkpoint SET ledger = :id"), {"id": identity})
    sign_again(db, rows, scene.key)
    return Expected("another ledger", 1, 1)


def alter_a_checkpoint(db: Connection, rng: Random, scene: Scene) -> Expected:
    column = rng.choice(("ledger", "size", "root", "last", "made_at", "key", "signature"))
    number = rng.choice([row.number for row in db.execute(text("SELECT number FROM checkpoint"))])
    held = db.execute(text("SELECT * FROM checkpoint WHERE number = :n"), {"n": number}).mappings().one()
    value = held[column] + rng.randint(1, 9) if column == "size" else another(rng, column, held[column])
    db.execute(text(f"UPDATE checkpoint SET {column} = :v WHERE number = :n"), {"v": value, "n": number})
    return Expected(f"checkpoint {column}", None, None)


def take_a_checkpoint_out(db: Connection, rng: Random, scene: Scene) -> Expected:
    number = rng.choice([row.number for row in db.execute(text("SELECT number FROM checkpoint"))])
    db.execute(text("DELETE FROM checkpoint WHERE number = :n"), {"n": number})
    return Expected("checkpoint taken out", None, None)


def swap_the_key(db: Connection, rng: Random, scene: Scene) -> Expected:
    """Every head in the ledger is signed by a key of the one who tampers; the entries stay as they are."""
    sign_again(db, scene.rows, draw_key())
    return Expected("swap the key", None, None)


def swap_the_key_in_the_entries(db: Connection, rng: Random, scene: Scene) -> Expected:
    """The entries name another key, everything is hashed again and signed with it."""
    key = draw_key()
    rows = []
    for row in scene.rows:
        if row[3] == "key_rotated":
            facts = {**json.loads(row[10]), "new_key": key.id, "new_public_key": key.public_key}
            row = (*row[:10], written_as_facts(facts), *row[11:])  # this row is another one
        rows.append(row)
    named = next(row[0] for row in scene.rows if row[3] == "key_rotated")
    linked = link(rows, scene.identity)
    replace_all(db, linked)
    note_again(db, linked)
    sign_again(db, linked, key)
    return Expected("another key in the entries", 1, named)


def alter_a_payload(db: Connection, rng: Random, scene: Scene) -> Expected:
    seq, how = rng.choice(scene.with_payload), rng.choice(("salt", "body", "gone"))
    if db.dialect.name != "sqlite":
        asked = {"v": rng.randbytes(32), "promise": scene.rows[seq - 1][12]}
        table, column = ("payload_key", "key") if how == "salt" else ("payload", "sealed")
        db.execute(text(f"UPDATE {table} SET {column} = :v WHERE commitment = :promise"), asked)
    elif how == "gone":
        db.execute(text("DELETE FROM payload WHERE seq = :seq"), {"seq": seq})
    else:
        db.execute(
            text(f"UPDATE payload SET {how} = :v WHERE seq = :seq"), {"v": rng.randbytes(32), "seq": seq}
        )
    return Expected(f"payload {how}", seq, seq)


WAYS: tuple[Way, ...] = (
    edit_a_column,
    edit_a_column,
    edit_and_hash_anew,
    renumber,
    delete_some,
    insert_one,
    reorder,
    cut_the_tail,
    rewrite_from,
    take_another_ledger,
    alter_a_checkpoint,
    take_a_checkpoint_out,
    swap_the_key,
    swap_the_key_in_the_entries,
    alter_a_payload,
)


# --- how they do it ----------------------------------------------------------------------------------------


def another(rng: Random, column: str, value: object) -> object:
    """A value of the same kind that is not this one."""
    if column in ("recorded_at", "occurred_at", "made_at"):
        return str(value)[:-3] + f"{(int(str(value)[-3:-1]) + 1) % 100:02d}Z"
    if column == "version":
        return int(str(value)) + 1
    if column == "corrects":
        return rng.randint(1, 9) if value is None else None
    if column == "facts":
        return str(value).replace("{", '{"a":1,', 1) if rng.random() < 0.5 else str(value) + " "
    if column in ("commitment", "previous", "hash", "root", "last", "key", "signature"):
        return rng.randbytes(64 if column == "signature" else 32).hex()
    return f"{value}{rng.choice(' x1é')}"


def changed_row(rng: Random, row: StoredRow, column: str) -> StoredRow:
    """The row with another value in this column, and the hash that belongs to it."""
    fields = dict(zip(COLUMNS, row, strict=True))
    if column == "facts":
        fields[column] = written_as_facts({**json.loads(row[10]), "unit": f"forged {rng.random()}"})
    else:
        fields[column] = another(rng, column, fields[column])
    changed: StoredRow = tuple(fields[name] for name in COLUMNS)  # type: ignore[assignment] # same columns
    return (*changed[:14], hash_row(changed))


def rewritten(rng: Random, scene: Scene, seq: int) -> tuple[StoredRow, ...]:
    """All rows, with another entry `seq`, and every hash from there on made again."""
    rows = [*scene.rows]
    rows[seq - 1] = changed_row(rng, rows[seq - 1], "actor")
    return link(rows, scene.identity)


def link(rows: Sequence[StoredRow], identity: str) -> tuple[StoredRow, ...]:
    """The rows as a chain that holds."""
    linked: list[StoredRow] = []
    last = opening_hash(identity)
    for row in rows:
        if row[3] == "checkpoint_made":  # what it says of the root must fit, too
            facts = json.loads(row[10])
            facts["root"] = root_of(linked[: facts["size"]])
            row = (*row[:10], written_as_facts(facts), *row[11:])  # the same row, told otherwise
        fresh = (*row[:13], last, "")
        last = hash_row(fresh)
        linked.append((*fresh[:14], last))
    return tuple(linked)


def sign_again(db: Connection, rows: Sequence[StoredRow], key: SigningKey) -> None:
    """Sign every head in the ledger again, for these rows and with this key."""
    for held in db.execute(text("SELECT * FROM checkpoint")).mappings().all():
        head = Head(held["size"], root_of(rows[: held["size"]]), rows[held["size"] - 1][14])
        made_at = datetime.fromisoformat(held["made_at"].replace("Z", "+00:00"))
        point = signed(Checkpoint(held["ledger"], head, made_at, "", ""), key)
        values = {
            "root": head.root,
            "last": head.last_hash,
            "key": point.key_id,
            "signature": point.signature,
        }
        db.execute(
            text(
                "UPDATE checkpoint SET root = :root, last = :last, key = :key, signature = :signature "
                "WHERE number = :number"
            ),
            {**values, "number": held["number"]},
        )


def root_of(rows: Sequence[StoredRow]) -> str:
    from becalm.ledger.merkle import merkle_root

    return merkle_root(bytes.fromhex(row[14]) for row in rows).hex()


def written_as_facts(facts: Mapping[str, object]) -> str:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def set_row(db: Connection, seq: int, values: Mapping[str, object]) -> None:
    given = ", ".join(f"{name} = :{name}_" for name in values)
    db.execute(
        text(f"UPDATE event SET {given} WHERE seq = :at"),
        {**{f"{n}_": v for n, v in values.items()}, "at": seq},
    )


def shift(db: Connection, first: int, by: int) -> None:
    db.execute(text("UPDATE event SET seq = seq + :far WHERE seq >= :first"), {"far": FAR, "first": first})
    db.execute(text("UPDATE event SET seq = seq - :far + :by WHERE seq >= :far"), {"far": FAR, "by": by})


def replace_all(db: Connection, rows: Sequence[StoredRow]) -> None:
    db.execute(text("DELETE FROM event"))
    db.execute(INSERT, [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def note_again(db: Connection, rows: Sequence[StoredRow]) -> None:
    """Put right what the ledger notes of itself."""
    tree = format_peaks(append_leaves(NO_PEAKS, [bytes.fromhex(row[14]) for row in rows]))
    db.execute(text("UPDATE ledger SET size = :size, tree = :tree"), {"size": len(rows), "tree": tree})
