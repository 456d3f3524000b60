"""From an agent's configuration and a task's input to one HTTP request. Does no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from agents.executors.contract import Call

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
NAMED_URL = re.compile(r"\$\{([^{}]*)\}")
NAMED_URL_RULE = re.compile(r"SIGNALBOX_([A-Z0-9_]+_URL)")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})


class BadRequestTemplate(ValueError):
    """The agent's configuration and the task's input do not make a request."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be sent."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None


def prepared(call: Call) -> Prepared:
    """Raises BadRequestTemplate, naming what is missing or wrong."""
    method = str(call.config.get("method", "POST")).upper()
    if method not in METHODS:
        raise BadRequestTemplate(f"The agent's method {method} is not one of HTTP.")
    content = None if method in WITHOUT_BODY else _body(call)
    url = _url(str(call.config.get("url", "")), call.input)
    return Prepared(method, url, _headers(call, content), content)


def _url(template: str, values: dict[str, Any]) -> str:
    known = NAMED_URL.sub(_named_url, template)
    authority = urlsplit(known).netloc
    if "{" in authority or "@" in authority:
        raise BadRequestTemplate(
            "The host of the agent's URL must be fixed: no placeholders, no user name."
        )
    url = PLACEHOLDER.sub(lambda found: _quoted(found[1], values), known)
    if urlsplit(url).scheme not in ("http", "https") or not authority:
        raise BadRequestTemplate(f"The agent's URL is not an http or https address: “{template}”.")
    return url


def _named_url(found: re.Match[str]) -> str:
    """Only addresses that the deployment publishes under a name, so that no secret can leak."""
    rule = NAMED_URL_RULE.fullmatch(found[1])
    value = getattr(settings, rule[1], None) if rule else None
    if not isinstance(value, str) or not value:
        raise BadRequestTemplate(f"The agent's URL names {found[1]}, which is not set.")
    return value.rstrip("/")


def _quoted(key: str, values: dict[str, Any]) -> str:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRequestTemplate(f"The URL needs “{key}”, and the input has no text or number so.")
    text = str(value)
    if text in ("", ".", ".."):
        raise BadRequestTemplate(f"The URL needs “{key}”, and “{text}” cannot stand in a path.")
    return quote(text.encode("utf-8", "replace"), safe="")


def _headers(call: Call, content: bytes | None) -> dict[str, str]:
    chosen = {str(name): str(value) for name, value in call.config.get("headers", {}).items()}
    if not all(text.isascii() and text.isprintable() for pair in chosen.items() for text in pair):
        raise BadRequestTemplate("The agent's headers must be printable ASCII.")
    ours = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Signalbox",
    }
    fixed = {
        "idempotency-key": quote(call.idempotency_key, safe=":/_-.~"),
        "x-attempt": str(call.attempt),
        "x-execution-id": str(call.execution_id),
    }
    if content is not None:
        fixed["content-type"] = "application/json"
    return ours | {name.lower(): value for name, value in chosen.items()} | fixed


def _body(call: Call) -> bytes:
    chosen = call.config.get("body")
    if chosen is None:
        return _encoded(call.input)
    keys = chosen if isinstance(chosen, dict) else {key: key for key in chosen}
    missing = [key for key in keys.values() if key not in call.input]
    if missing:
        raise BadRequestTemplate(f"The request needs {', '.join(missing)}, missing in the input.")
    return _encoded({name: call.input[key] for name, key in keys.items()})


def _encoded(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
