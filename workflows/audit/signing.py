"""The Ed25519 key that seals the audit log. It is kept outside the database, which it accuses."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from workflows.errors import WorkflowError


class KeyMissing(WorkflowError):
    """The key that signed the audit's checkpoints is not here."""


class KeyUnusable(WorkflowError):
    """The audit key cannot be used."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key; `public_key` is 64 hexadecimal digits, a signature 128."""

    private: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        return self.private.sign(message).hex()


def load() -> Signer:
    """The key of SIGNALBOX_AUDIT_KEY, else the data directory's. Raises KeyMissing, KeyUnusable."""
    given = settings.AUDIT_KEY
    if given.startswith("-----BEGIN"):
        return _parsed(given.encode(), "SIGNALBOX_AUDIT_KEY")
    try:
        return _parsed(Path(given).read_bytes(), given)
    except FileNotFoundError:
        raise KeyMissing(
            f"The key that seals the audit log is not in {given}: "
            "restore it there, or set SIGNALBOX_AUDIT_KEY."
        ) from None
    except OSError as error:
        raise KeyUnusable(f"{given} cannot be read: {error.strerror}.") from error


def make() -> Signer:
    """The key, generated if there is none yet. Two that do it at once get the same one."""
    try:
        return load()
    except KeyMissing:
        _generate(Path(settings.AUDIT_KEY))
        return load()


def is_signed(public_key: str, message: bytes, signature: str) -> bool:
    """Whether the holder of `public_key` signed `message`."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


def _parsed(pem: bytes, source: str) -> Signer:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"{source} holds no private key in PEM: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{source} holds a key that is not Ed25519.")
    return Signer(key)


def _generate(path: Path) -> None:
    """The file that is linked into place first wins; a reader never sees half of one."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
