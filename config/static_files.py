"""Static files as they lie, with their content's hash in the address: no collecting step."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class VersionedStaticFiles(StaticFilesStorage):
    """A changed file gets a new address, so browsers may keep the old one."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        version = _version(name or "") if settings.DEBUG is False else ""
        return f"{address}?v={version}" if version else address


@cache
def _version(name: str) -> str:
    found = finders.find(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:10] if found else ""
