"""What the page Partners asks the gateway, over HTTP like everybody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
from django.conf import settings

SECONDS = 2.0


class GatewayDown(Exception):
    """The gateway does not answer."""


def charges() -> list[dict[str, Any]]:
    """Newest first, at most 50. Raises GatewayDown."""
    return list(reversed(_asked("GET", "/charges")["charges"]))[:50]


def suppliers() -> list[dict[str, Any]]:
    """Raises GatewayDown."""
    return list(_asked("GET", "/suppliers")["suppliers"])


def lock(supplier_id: str, locked: bool) -> None:
    """Lock or unlock a supplier's catalogue. Raises GatewayDown."""
    _asked("PUT", f"/suppliers/{quote(supplier_id, safe='')}/lock", {"locked": locked})


def _asked(method: str, path: str, body: Any = None) -> dict[str, Any]:
    url = settings.PAYMENT_URL.rstrip("/") + path
    try:
        answer = httpx2.request(method, url, json=body, timeout=SECONDS, trust_env=False)
        answer.raise_for_status()
        return dict(answer.json())
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as problem:
        raise GatewayDown(str(problem)) from problem
