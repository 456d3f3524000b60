"""The verifier's own Ed25519 against RFC 8032 (7.1) and against the library that signs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workflows.audit.verify_bundle import ORDER, is_signed

VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
        "b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
        "1d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
        "c6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
        "e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_are_accepted(key: str, message: str, signature: str) -> None:
    assert is_signed(key, bytes.fromhex(message), signature)


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_any_bit_changed_is_refused(key: str, message: str, signature: str) -> None:
    signed = bytes.fromhex(signature)
    for place in (0, 31, 32, 62):
        changed = bytearray(signed)
        changed[place] ^= 1
        assert not is_signed(key, bytes.fromhex(message), changed.hex())
    assert not is_signed(key, bytes.fromhex(message) + b"x", signature)
    assert not is_signed(VECTORS[0][0], b"other", signature)


def test_a_signature_made_longer_by_the_groups_order_is_refused() -> None:
    key, message, signature = VECTORS[1]
    signed = bytes.fromhex(signature)
    scalar = int.from_bytes(signed[32:], "little") + ORDER
    malleable = signed[:32] + scalar.to_bytes(32, "little")
    assert not is_signed(key, bytes.fromhex(message), malleable.hex())


@pytest.mark.parametrize("text", ["", "zz", "00", "ff" * 32, "01" + "00" * 30 + "80"])
def test_a_key_that_is_no_point_is_refused(text: str) -> None:
    assert not is_signed(text, b"", VECTORS[0][2])


def test_it_agrees_with_the_library_that_signs() -> None:
    for number in range(20):
        private = Ed25519PrivateKey.generate()
        key, message = private.public_key().public_bytes_raw().hex(), b"x" * number * 7
        assert is_signed(key, message, private.sign(message).hex())
