"""What is wrong with an agent's configuration, said before it is used for work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from agents import tools
from agents.executors.request_building import METHODS, NAMED_URL, NAMED_URL_RULE

KEYS = ("url", "method", "headers", "body", "accept", "timeout_seconds", "idempotent")
LONGEST_SECONDS = 3600


def problems(kind: str, config: Mapping[str, Any]) -> list[str]:
    """One sentence per thing to mend in the configuration of an agent of this kind."""
    match kind:
        case "python":
            return list(_python(config))
        case "http":
            return list(_http(config))
    return []


def _python(config: Mapping[str, Any]) -> Iterator[str]:
    name = config.get("tool")
    if not isinstance(name, str) or not name:
        yield _('Name the tool: {"tool": "…"}.')
    elif name not in tools.names():
        yield _("No tool is registered under the name “%(name)s”.") % {"name": name}


def _http(config: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(set(config) - set(KEYS)):
        yield _("“%(name)s” is not a setting of an HTTP agent; there are %(known)s.") % {
            "name": name,
            "known": ", ".join(KEYS),
        }
    yield from _url(config.get("url"))
    method = config.get("method", "POST")
    if not isinstance(method, str) or method.upper() not in METHODS:
        yield _("“method” is %(value)r; one of %(known)s was expected.") % {
            "value": method,
            "known": ", ".join(sorted(METHODS)),
        }
    yield from _sent(config)
    yield from _judging(config)


def _url(url: Any) -> Iterator[str]:
    if not isinstance(url, str) or not url:
        yield _('Give the address to call: {"url": "https://…"}.')
        return
    for name in NAMED_URL.findall(url):
        if not NAMED_URL_RULE.fullmatch(name):
            yield _("“url” names %(name)s; only SIGNALBOX_…_URL may be named.") % {"name": name}
    address = urlsplit(NAMED_URL.sub("http://named", url, count=1))
    if address.scheme not in ("http", "https") or not address.netloc:
        yield _("“url” is not an http or https address: “%(url)s”.") % {"url": url}
    elif "{" in address.netloc or "@" in address.netloc:
        yield _("The host in “url” must be fixed: no placeholders, no user name.")


def _sent(config: Mapping[str, Any]) -> Iterator[str]:
    headers, body = config.get("headers", {}), config.get("body")
    if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
        yield _("“headers” must be an object of names and texts in printable ASCII.")
    if isinstance(body, dict):
        is_known = all(isinstance(key, str) for key in body.values())
    else:
        is_known = body is None or _is_list_of(str, body)
    if not is_known:
        yield _("“body” must list keys of the input, or map names to them.")


def _judging(config: Mapping[str, Any]) -> Iterator[str]:
    accept, seconds = config.get("accept", []), config.get("timeout_seconds", 1)
    if not _is_list_of(int, accept) or not all(100 <= status <= 599 for status in accept):
        yield _("“accept” must be a list of HTTP statuses.")
    if not _is_number(seconds) or not 0 < seconds <= LONGEST_SECONDS:
        yield _("“timeout_seconds” is %(value)r; a number up to %(most)d was expected.") % {
            "value": seconds,
            "most": LONGEST_SECONDS,
        }
    if not isinstance(config.get("idempotent", True), bool):
        yield _("“idempotent” must be true or false.")


def _is_header(pair: tuple[Any, Any]) -> bool:
    return all(isinstance(text, str) and text.isascii() and text.isprintable() for text in pair)


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, kind) and not isinstance(item, bool) for item in value
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
