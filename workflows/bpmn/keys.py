"""Keys of tasks and workflows, made of the ids of BPMN elements."""

from __future__ import annotations

import hashlib
import re

MAX_LENGTH = 100  # characters, as the tables have it
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


def key(element_id: str) -> str:
    """The id itself where it may be a key; else a form of it that is always the same."""
    if len(element_id) <= MAX_LENGTH and _KEY.match(element_id):
        return element_id
    digest = hashlib.sha256(element_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    fit = _UNFIT.sub("_", element_id)[: MAX_LENGTH - len(digest) - 2]
    return f"{fit if _KEY.match(fit) else f'_{fit}'}-{digest}"
