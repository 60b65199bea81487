"""Binding a plan to a secret before it is drawn, so that nobody can try again until the plan suits."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from becalm.terms import PlanError

SEED_BYTES: Final = 32
LEAST_SHARE_BYTES, MOST_SHARE_BYTES = 16, 64
KEY_WORDS: Final = b"becalm patrol key 1"


@dataclass(frozen=True, slots=True)
class Secret:
    """What is committed to and kept sealed: the seed, and a nonce so that the seed cannot be guessed at."""

    seed: bytes
    nonce: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES or len(self.nonce) != SEED_BYTES:
            raise PlanError(
                f"A seed of {8 * len(self.seed)} and a nonce of {8 * len(self.nonce)} bits were given. "
                f"Each must have {8 * SEED_BYTES}, drawn by the operating system."
            )


def compute_commitment(secret: Secret, *, inputs_sha256: str, version: str) -> str:
    """The SHA-256, in hex, that binds seed, nonce, inputs and program without telling the seed.

    It is of one line of canonical JSON, so that anybody can take it again from the opened seed:
    {"becalm":"patrol seed 1","inputs_sha256":…,"nonce":…,"seed":…,"version":…}
    """
    # The nonce is bound too: seed, inputs and version of a small plan could be tried one after another.
    sealed_content = {
        "becalm": "patrol seed 1",
        "inputs_sha256": inputs_sha256,
        "nonce": secret.nonce.hex(),
        "seed": secret.seed.hex(),
        "version": version,
    }
    canonical_json = json.dumps(sealed_content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def hash_seed(seed: bytes) -> str:
    """A mark by which a seed that comes twice is known, though nobody can tell the seed from it."""
    return hashlib.sha256(b"becalm patrol seed mark 1" + seed).hexdigest()


def derive_sampling_key(secret: Secret, *, commitment: str, share: bytes = b"") -> bytes:
    """The 32 bytes that bursts are drawn with: the seed, mixed with the overseer's share.

    HKDF-SHA256 with the share as salt and the commitment as information: with one of the two unknown
    and random, so is the key.

    Source: Krawczyk and Eronen, HMAC-based Extract-and-Expand Key Derivation Function, RFC 5869 (2010).
    """
    # A share that came after the seed was sealed cannot be chosen to suit, nor can the seed: neither the
    # planner nor the overseer alone decides where patrols go.
    extracted_key = hmac.digest(share or bytes(SEED_BYTES), secret.seed, "sha256")
    return hmac.digest(extracted_key, KEY_WORDS + bytes.fromhex(commitment) + b"\x01", "sha256")


def check_share(share: bytes) -> bytes:
    """Refuse an overseer's share that is short enough to be guessed, or too long to be one."""
    if share and not LEAST_SHARE_BYTES <= len(share) <= MOST_SHARE_BYTES:
        problem_text = "could be guessed" if len(share) < LEAST_SHARE_BYTES else "is too long to be a share"
        raise PlanError(
            f"The overseer's share has {len(share)} bytes and {problem_text}. Give {LEAST_SHARE_BYTES} to "
            f"{MOST_SHARE_BYTES} random ones, e.g. from `openssl rand -hex 32`."
        )
    return share
