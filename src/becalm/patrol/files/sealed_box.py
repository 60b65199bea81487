"""What is kept sealed in the workspace until it is opened: seeds, and the plans that were drawn from them.

`patrol/sealed/<commitment>/` holds key.json (seed, nonce, the overseer's share), inputs.json and, once it is
made, the plan's own files. Folders are for their owner alone (0700), and so are files (0600).
"""

import json
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Final

from becalm.formats.durable_files import OWNER_FOLDER, make_private_folder, write_durably
from becalm.terms import LedgerError, PlanError

KEY: Final = "key.json"
INPUTS: Final = "inputs.json"


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A seed with its nonce, and an overseer's share that was mixed in (empty if none)."""

    seed: bytes
    nonce: bytes
    share: bytes = b""


class SealedBox:
    """The sealed folders of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self._root = workspace / "patrol" / "sealed"

    def folder(self, commitment: str) -> Path:
        """Where all that belongs to one commitment is kept."""
        return self._root / commitment

    def keep_key(self, commitment: str, key: SealedKey) -> None:
        """Keep a seed, on the disk before this returns."""
        key_fields = {"seed": key.seed.hex(), "nonce": key.nonce.hex(), "share": key.share.hex()}
        self.keep(commitment, KEY, json.dumps(key_fields, indent=1) + "\n")

    def key(self, commitment: str) -> SealedKey:
        """The seed of this commitment; raises PlanError where it is not here or cannot be read."""
        key_path = self.folder(commitment) / KEY
        try:
            key_fields = json.loads(key_path.read_text("utf-8"))
            return SealedKey(*(bytes.fromhex(key_fields[name]) for name in ("seed", "nonce", "share")))
        except FileNotFoundError as error:
            raise PlanError(
                f"The sealed seed of {commitment[:12]} is not in {self._root}. Use the workspace in which it "
                "was sealed; a seed that is lost cannot be replaced, only committed to again with a reason."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlanError(f"{key_path} cannot be read as a sealed seed ({error}). Restore it.") from error

    def keep(self, commitment: str, name: str, text: str) -> None:
        """Keep a file of this commitment for its owner alone, wholly or not at all."""
        folder = self.folder(commitment)
        try:
            make_private_folder(folder)
            for private_folder in (self._root, folder):
                private_folder.chmod(OWNER_FOLDER)
            write_durably(folder / name, text)
        except OSError as error:
            raise LedgerError(
                f"{folder / name} cannot be written ({error.strerror}); nothing was planned. "
                "Make room, or make the folder writable."
            ) from error

    def text(self, commitment: str, name: str) -> str | None:
        """A file of this commitment, or None where there is none."""
        sealed_path = self.folder(commitment) / name
        return sealed_path.read_text("utf-8") if sealed_path.is_file() else None

    def plans(self, commitment: str) -> tuple[str, ...]:
        """Every plan.json of this commitment: the first one, then one after each re-plan."""
        plan_texts = (self.text(commitment, plan_name(index)) for index in count())
        return tuple(takewhile(lambda text: text is not None, plan_texts))  # type: ignore[arg-type]  # none is None

    def visits_of(self, commitment: str, plan: str) -> str:
        """The visits.csv that belongs to this one of its plans."""
        plan_index = self.plans(commitment).index(plan)
        return self.text(commitment, plan_name(plan_index, "visits.csv")) or ""


def plan_name(replan: int, name: str = "plan.json") -> str:
    """How a file of a plan is called in the box: the first one by its name, later ones with their number.

    >>> plan_name(0), plan_name(2, "visits.csv")
    ('plan.json', 'visits.2.csv')
    """
    stem, _, suffix = name.rpartition(".")
    return name if replan == 0 else f"{stem}.{replan}.{suffix}"
