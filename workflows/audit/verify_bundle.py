"""Checks an exported audit bundle. One file, Python's standard library only, no network.

    python verify_bundle.py BUNDLE [--public-key HEX]...

Exit code 0: the rows are those that were sealed and signed. 1: they are not, and the first bad row
is named. Without --public-key the signatures are checked against the key that the bundle itself
names, which is printed: compare it with the one that you know.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

FORMAT = "signalbox-audit-bundle-1"
MANIFEST, SIGNATURE, ROWS = "manifest.json", "manifest.sig", "rows.jsonl"
LARGEST = 4 << 30  # bytes, unpacked
SHOWN = 20

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z
NEUTRAL: Point = (0, 1, 1, 0)


class Broken(Exception):
    """The bundle cannot be read as one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check an exported audit bundle offline.")
    parser.add_argument("bundle")
    parser.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="HEX",
        help="trust this key (repeatable)",
    )
    options = parser.parse_args(arguments)
    try:
        problems, summary = verify(options.bundle, {key.lower() for key in options.public_key})
    except (Broken, OSError, zipfile.BadZipFile) as error:
        problems, summary = [f"the bundle cannot be read: {error}"], ""
    for problem in problems[:SHOWN]:
        print(problem)
    if problems:
        print(f"NOT SOUND: {len(problems)} things are wrong.")
        return 1
    print(summary)
    return 0


def verify(path: str, trusted: set[str]) -> tuple[list[str], str]:
    """What is wrong with the bundle, rows first, and one sentence about it if nothing is.

    Raises Broken, OSError, zipfile.BadZipFile.
    """
    with zipfile.ZipFile(path) as bundle:
        _check_size(bundle)
        content = _bytes(bundle, MANIFEST)
        manifest = _manifest(content)
        problems, hashes = _wrong_rows(bundle, manifest)
        problems += _wrong_files(bundle, manifest)
        problems += _wrong_seals(bundle, manifest, hashes, trusted)
        signature = _bytes(bundle, SIGNATURE).decode("ascii", "replace").strip()
        problems += _wrong_signature(manifest, content, signature, trusted)
    return problems, _summary(manifest, bool(trusted))


def _check_size(bundle: zipfile.ZipFile) -> None:
    if sum(entry.file_size for entry in bundle.infolist()) > LARGEST:
        raise Broken(f"it unpacks to more than {LARGEST} bytes")


def _bytes(bundle: zipfile.ZipFile, name: str) -> bytes:
    try:
        return bundle.read(name)
    except KeyError:
        raise Broken(f"{name} is missing") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as error:
        raise Broken(f"{name}: {error}") from error


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content.decode("utf-8"))
        if manifest["format"] != FORMAT:
            raise Broken(f"its format is not {FORMAT}")
        _check_types(manifest)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Broken(f"{MANIFEST} is malformed: {error!r}") from error
    return dict(manifest)


def _check_types(manifest: dict[str, Any]) -> None:
    """Raises KeyError or TypeError, so that no later step has to expect it."""
    wanted = {"execution_id": int, "rows": int, "head": str, "public_key": str, "exported_at": str}
    _require(manifest, {**wanted, "files": dict, "checkpoints": list})
    for checkpoint in manifest["checkpoints"]:
        numbers = dict.fromkeys(("no", "upto", "rows", "first_seq", "last_seq"), int)
        texts = dict.fromkeys(("root", "previous_root", "at_text", "public_key", "signature"), str)
        _require(checkpoint, {**numbers, **texts, "hashes": (str, type(None))})


def _require(record: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, kind in wanted.items():
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} is of the wrong type")


def _wrong_rows(bundle: zipfile.ZipFile, manifest: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What is wrong with each row by itself and after the one before it; and the rows' hashes."""
    problems: list[str] = []
    hashes: list[str] = []
    previous = ""
    for number, row in enumerate(_rows(bundle), 1):
        wrong = _wrong_row(row, number, previous, manifest["execution_id"])
        problems += [f"row {number}: {message}" for message in wrong]
        previous = str(row.get("hash"))
        hashes.append(previous)
    if len(hashes) != manifest["rows"]:
        problems.append(f"row {len(hashes)}: {manifest['rows']} rows were exported")
    elif previous != manifest["head"]:
        problems.append(f"row {len(hashes)}: is not the last row that was exported")
    return problems, hashes


def _rows(bundle: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    lines = _bytes(bundle, ROWS).split(b"\n")
    if lines.pop():
        raise Broken(f"{ROWS} does not end with a line")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Broken(f"row {number} is no JSON") from None
        if not isinstance(row, dict):
            raise Broken(f"row {number} is no JSON object")
        yield row


def _wrong_row(row: dict[str, Any], number: int, previous: str, execution: int) -> Iterator[str]:
    if row.get("execution_id") != execution:
        yield "belongs to another execution"
    if row.get("seq") != number:
        yield f"is numbered {row.get('seq')}: rows are missing, doubled or out of order"
    elif row.get("previous_hash") != previous:
        yield "is not chained to the row before it"
    if data_digest(row) != row.get("data_digest"):
        yield "its kind, task or data were changed"
    if row_hash(row) != row.get("hash"):
        yield "was changed: its hash does not match"


def data_digest(row: dict[str, Any]) -> str:
    """SHA-256 of kind, task id and data, a line each."""
    task = "" if row.get("task_id") is None else str(row["task_id"])
    return _sha256(f"{row.get('kind')}\n{task}\n{row.get('data_text')}")


def row_hash(row: dict[str, Any]) -> str:
    """SHA-256 of the row's canonical JSON array."""
    names = (
        "previous_hash execution_id seq entity_type entity_id old_state new_state actor attempt "
        "agent_id lease_token at_text data_digest"
    )
    fields = [row.get(name) for name in names.split()]
    return _sha256(json.dumps(fields, separators=(",", ":"), ensure_ascii=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _wrong_files(bundle: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[str]:
    """Every file is listed once with its digest, except the manifest and its signature."""
    names = [entry.filename for entry in bundle.infolist()]
    listed = [MANIFEST, SIGNATURE, *manifest["files"]]
    for name in sorted({*names, *listed}):
        if names.count(name) != 1 or name not in listed:
            yield f"{name}: is missing, doubled or not listed"
    for name, digest in manifest["files"].items():
        if name in names and hashlib.sha256(_bytes(bundle, name)).hexdigest() != digest:
            yield f"{name}: was changed"


def _wrong_seals(
    bundle: zipfile.ZipFile, manifest: dict[str, Any], hashes: list[str], trusted: set[str]
) -> Iterator[str]:
    """The checkpoints cover the rows one after another, and the last one lists the last row."""
    sealed, last = 0, None
    for checkpoint in manifest["checkpoints"]:
        name = f"checkpoint {checkpoint['no']}"
        if checkpoint["first_seq"] != sealed + 1 or checkpoint["last_seq"] < sealed + 1:
            yield f"{name}: does not follow on row {sealed}"
        if last and checkpoint["no"] <= last["no"]:
            yield f"{name}: is out of order"
        for message in _wrong_seal(checkpoint, trusted):
            yield f"{name}: {message}"
        if checkpoint["hashes"] is not None:
            mine = hashes[checkpoint["first_seq"] - 1 : checkpoint["last_seq"]]
            for message in _wrong_list(_bytes(bundle, checkpoint["hashes"]), checkpoint, mine):
                yield f"{name}: {message}"
        sealed, last = checkpoint["last_seq"], checkpoint
    if last is None or sealed != len(hashes) or last["hashes"] is None:
        yield f"row {sealed + 1}: no checkpoint seals the rows up to the last"


def _wrong_seal(checkpoint: dict[str, Any], trusted: set[str]) -> Iterator[str]:
    names = ("no", "upto", "rows", "root", "previous_root", "at_text")
    message = json.dumps(
        ["checkpoint", *(checkpoint[name] for name in names)], separators=(",", ":")
    ).encode()
    if not is_signed(checkpoint["public_key"], message, checkpoint["signature"]):
        yield "its signature is wrong"
    if trusted and checkpoint["public_key"] not in trusted:
        yield f"it is signed with another key, {checkpoint['public_key']}"


def _wrong_list(content: bytes, checkpoint: dict[str, Any], mine: list[str]) -> Iterator[str]:
    """The listed hashes make the signed root, and the execution's are among them in their order."""
    listed = content.decode("ascii", "replace").split()
    root = _sha256(checkpoint["previous_root"] + "".join(listed))
    if root != checkpoint["root"] or len(listed) != checkpoint["rows"]:
        yield "its list of hashes does not make its root"
    places = {each: place for place, each in enumerate(listed)}
    before = -1
    for seq, each in enumerate(mine, checkpoint["first_seq"]):
        if places.get(each, -1) <= before:
            yield f"row {seq} is not among the rows that it seals"
            return
        before = places[each]


def _wrong_signature(
    manifest: dict[str, Any], content: bytes, signature: str, trusted: set[str]
) -> Iterator[str]:
    message = json.dumps(
        ["bundle", hashlib.sha256(content).hexdigest()], separators=(",", ":")
    ).encode()
    if not is_signed(manifest["public_key"], message, signature):
        yield f"{MANIFEST}: its signature is wrong"
    if trusted and manifest["public_key"] not in trusted:
        yield f"{MANIFEST}: is signed with another key, {manifest['public_key']}"


def _summary(manifest: dict[str, Any], key_given: bool) -> str:
    seals = manifest["checkpoints"]
    lines = [
        f"Sound: execution {manifest['execution_id']}, rows 1 to {manifest['rows']},"
        f" exported {manifest['exported_at']}.",
        f"Checkpoints that seal it: {len(seals)}.",
    ]
    if not key_given:
        keys = sorted({manifest["public_key"], *(each["public_key"] for each in seals)})
        lines.append(f"Signed with {', '.join(keys)}: compare that with the key that you know.")
    return "\n".join(lines)


def is_signed(public_key: str, message: bytes, signature: str) -> bool:
    """Ed25519 verification as in RFC 8032, 5.1.7, from hexadecimal texts."""
    try:
        key, signed = bytes.fromhex(public_key), bytes.fromhex(signature)
    except ValueError:
        return False
    if len(key) != 32 or len(signed) != 64:
        return False
    holder, start = _decoded(key), _decoded(signed[:32])
    scalar = int.from_bytes(signed[32:], "little")
    if holder is None or start is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signed[:32] + key + message).digest(), "little")
    return _equal(_times(scalar, BASE), _sum(start, _times(challenge % ORDER, holder)))


def _decoded(text: bytes) -> Point | None:
    """The point that 32 bytes encode (RFC 8032, 5.1.3), None if they encode none."""
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _sum(a: Point, b: Point) -> Point:
    """RFC 8032, 5.1.4."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, k, m, n = f - e, h - g, h + g, f + e
    return (e * k % P, m * n % P, k * m % P, e * n % P)


def _times(scalar: int, point: Point) -> Point:
    found = NEUTRAL
    while scalar:
        if scalar & 1:
            found = _sum(found, point)
        point, scalar = _sum(point, point), scalar >> 1
    return found


def _equal(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _x_of(_BASE_Y, 0) or 0
BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


if __name__ == "__main__":
    sys.exit(main())
