"""Signed notes, checkpoints and cosignatures against what others published.

Sources: the example of golang.org/x/mod sumdb/note (PeterNeumann), the test vector of c2sp.org/signed-note
(example.com/foo), and a checkpoint of the log arche2025h1 of April 2026 with the signature of its Ed25519 key
and the cosignatures of four witnesses, as the tests of tlog-scales keep it. The proofs are those of the
reference tests of Certificate Transparency (RFC 6962).
"""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from becalm.ledger.merkle import consistency_proof, inclusion_proof, is_consistent, is_included
from becalm.ledger.signed_note import (
    NoteSignature,
    SignedNote,
    decode_base64,
    find_signature,
    list_cosigners,
    parse_head_text,
    parse_note,
    parse_note_key,
)
from becalm.terms import InputError

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1"
    "ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
LOG_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
WITNESS_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
CHECKPOINT = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501 # signatures are not broken
OTHER_WITNESSES = (
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
)
# Certificate Transparency's reference tests: 8 leaves, the proofs by (leaf or old size, new size).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOT_BY_SIZE = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
CONSISTENCY = {
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
INCLUSION = {(2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)}


@pytest.mark.parametrize(("key", "note"), [(GO_KEY, GO_NOTE), (C2SP_KEY, C2SP_NOTE), (LOG_KEY, CHECKPOINT)])
def test_published_notes_are_read_and_their_signatures_fit(key: str, note: str) -> None:
    assert str(parse_note(note)) == note
    assert parse_note_key(key).text == key
    assert find_signature(parse_note(note), parse_note_key(key)) is not None
    altered_note = parse_note(note.replace("1432088532", "1432088533").replace("is", "IS", 1))
    with pytest.raises(ValueError, match="does not fit"):
        find_signature(altered_note, parse_note_key(key))


def test_a_published_note_comes_out_to_the_byte() -> None:
    secret = Ed25519PrivateKey.from_private_bytes(decode_base64(GO_SECRET)[1:])
    key = parse_note_key(GO_KEY)
    signature = NoteSignature(key.name, key.id, secret.sign(GO_TEXT.encode()))
    assert str(SignedNote(GO_TEXT, (signature,))) == GO_NOTE


def test_published_cosignatures_of_four_witnesses_fit() -> None:
    keys = [parse_note_key(text) for text in (WITNESS_KEY, *OTHER_WITNESSES)]
    cosigners = list_cosigners(parse_note(CHECKPOINT), keys)
    assert cosigners.keys() == {key.name for key in keys}
    assert {f"{moment:%Y-%m}" for moment in cosigners.values()} == {"2026-05"}
    head = parse_head_text(parse_note(CHECKPOINT).text)
    assert (head.origin, head.size) == ("arche2025h1.staging.ct.transparency.dev", 1_432_088_532)


def test_published_proofs_come_out_and_hold() -> None:
    for (old_size, size), hashes in CONSISTENCY.items():
        proof = tuple(map(bytes.fromhex, hashes))
        old_root, root = (bytes.fromhex(ROOT_BY_SIZE[n]) for n in (old_size, size))
        assert consistency_proof(LEAVES[:size], old_size) == proof
        assert is_consistent(old_size, old_root, size, root, proof)
        assert not is_consistent(old_size, hashlib.sha256(old_root).digest(), size, root, proof)
    for (index, size), hashes in INCLUSION.items():
        proof = tuple(map(bytes.fromhex, hashes))
        assert inclusion_proof(LEAVES[:size], index) == proof
        assert is_included(LEAVES[index], index, size, proof, bytes.fromhex(ROOT_BY_SIZE[size]))


@pytest.mark.parametrize(
    "text",
    [
        *("", "text\n", "text\n\n", "text\n\nPeter x08go/Z=\n", "a\x00b\n\n— n AAAAAAAA\n"),
        *("text\n\n— n AAAA\n", "text\n\n— a+b AAAAAAAA\n", "text\n\n— n AAAAAAA\n", "t\n\n— n  AAAAAAAA\n"),
        "text\n\n— n AAAAAAB=\n",
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_note(text)


@pytest.mark.parametrize(
    "text", ["", "origin\n", "o\n01\nAAAA\n", "o\n1\nAAAA\n", f"\n1\n{'A' * 43}=\n", f"o\n-1\n{'A' * 43}=\n"]
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_head_text(text)


def test_every_part_of_a_key_that_is_altered_is_refused() -> None:
    for place in range(len(C2SP_KEY)):
        with pytest.raises(InputError):
            parse_note_key(C2SP_KEY[:place] + chr(ord(C2SP_KEY[place]) + 1) + C2SP_KEY[place + 1 :])
