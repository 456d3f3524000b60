"""The secrets that this installation made for itself, in one file that only its owner reads."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from config.errors import StartError


def _random() -> str:
    return secrets.token_urlsafe(48)


@dataclass(frozen=True, slots=True)
class Keys:
    """`cluster` names this installation; the rest are passwords and the signing key."""

    secret_key: str = field(default_factory=_random)
    postgres_password: str = field(default_factory=_random)
    owner_password: str = field(default_factory=_random)
    app_password: str = field(default_factory=_random)
    cluster: str = field(default_factory=lambda: secrets.token_hex(6))


def load(data: Path) -> Keys:
    """The keys of the data directory; they are generated when it is first used."""
    path = data / "secrets.json"
    try:
        return _read(path)
    except FileNotFoundError:
        return _generate(path)
    except (OSError, ValueError, TypeError) as error:
        raise StartError(
            f"{path} cannot be read ({error}): restore it, or set SECRET_KEY and DATABASE_URL."
        ) from None


def _read(path: Path) -> Keys:
    stored = json.loads(path.read_text())
    return Keys(**{each.name: stored[each.name] for each in fields(Keys) if each.name in stored})


def _generate(path: Path) -> Keys:
    """Two first starts at once agree: the file that is linked into place first wins."""
    make_data_directory(path.parent)
    draft = path.with_name(f".secrets.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(Keys()), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return _read(path)


def make_data_directory(data: Path) -> None:
    """Ours alone; as root it may be passed through, so that the database's own user can."""
    try:
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"The data directory {data} cannot be made ({error.strerror}): "
            "set SIGNALBOX_DATA_DIR to a directory that you may write."
        ) from None
