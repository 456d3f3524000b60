"""The `http` agent reaches no address that is not public, whatever the URL looks like."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from agents.executors import Done, Failed, run
from agents.executors.addresses import EgressRefused, allow_list, is_public

LOOPBACK_IN_DISGUISE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104
    "0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
PRIVATE = [
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[2001:0:53aa:64c::]",
    "100.100.100.200",
    "168.63.129.16",
    "192.168.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[ff02::1]",
]


@pytest.fixture(autouse=True)
def nothing_private_is_allowed(settings):
    settings.EGRESS_ALLOW = []


@pytest.mark.parametrize("host", LOOPBACK_IN_DISGUISE + PRIVATE)
def test_a_private_address_is_refused_however_it_is_written(server, call, host):
    outcome = run("http", call({"url": f"http://{host}:{server.port}/", "timeout_seconds": 2}))
    assert isinstance(outcome, Failed), host
    # A form that the resolver of this machine does not know never becomes a connection.
    assert outcome.kind in ("egress_refused", "connection", "configuration"), outcome
    assert server.heard == []


@pytest.mark.parametrize("host", [*PRIVATE, "127.0.0.1", "2130706433", "localhost", "[::1]"])
def test_the_refusal_says_why(call, host):
    outcome = run("http", call({"url": f"http://{host}/", "timeout_seconds": 2}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("egress_refused", False)
    assert "SIGNALBOX_EGRESS_ALLOW" in outcome.message


def test_a_public_name_that_resolves_to_loopback_is_refused(server, call, resolves):
    resolves("rebound.example.com", ["127.0.0.1"])
    outcome = run("http", call({"url": f"http://rebound.example.com:{server.port}/"}))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "egress_refused"
    assert server.heard == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(server, call, resolves):
    resolves("mixed.example.com", ["93.184.215.14", "127.0.0.1"])
    outcome = run("http", call({"url": f"http://mixed.example.com:{server.port}/"}))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "egress_refused"


def test_the_name_is_resolved_once_so_that_a_second_answer_cannot_differ(
    server, call, resolves, settings
):
    settings.EGRESS_ALLOW = ["shop.example.com"]
    asked = resolves("shop.example.com", ["127.0.0.1"])
    url = server.answers("/", "200 OK").replace("127.0.0.1", "shop.example.com")
    assert isinstance(run("http", call({"url": url})), Done)
    assert asked.count("shop.example.com") == 1


def test_redirects_are_not_followed(server, call, settings):
    settings.EGRESS_ALLOW = [f"127.0.0.1:{server.port}"]
    url = server.answers("/", f"302 Found\r\nLocation: {server.url}/inside")
    server.answers("/inside", "200 OK", b"secret")
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "http_302"
    assert [request.line.split()[1] for request in server.heard] == ["/"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/", "", "x"])
def test_only_http_is_spoken(call, url):
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("configuration", False)


def test_a_proxy_in_the_environment_is_not_used(server, call, settings, monkeypatch):
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert isinstance(run("http", call({"url": server.answers("/", "200 OK")})), Done)


def test_what_an_operator_allows_is_reached():
    loopback = ipaddress.ip_address("127.0.0.1")
    allow_list(("127.0.0.1:8901",)).check("127.0.0.1", 8901, loopback)
    allow_list(("127.0.0.0/8",)).check("anything", 80, loopback)
    allow_list(("gateway.internal:80",)).check("Gateway.Internal.", 80, loopback)
    allow_list(("[::1]:80", "fd00::/8")).check("x", 80, ipaddress.ip_address("::1"))
    for entries in ((), ("127.0.0.1:8902",), ("10.0.0.0/8",), ("gateway.internal:81",), ("::1",)):
        with pytest.raises(EgressRefused):
            allow_list(entries).check("gateway.internal", 80, loopback)


def test_public_addresses_are_public():
    assert is_public(ipaddress.ip_address("93.184.215.14"))
    assert is_public(ipaddress.ip_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c"))
    assert is_public(ipaddress.ip_address("64:ff9b::5db8:d70e"))


@pytest.fixture
def resolves(monkeypatch):
    """Let a name resolve to these addresses; returns the list of names that were looked up."""
    real, asked = socket.getaddrinfo, []

    def install(name: str, addresses: list[str]) -> list[str]:
        def getaddrinfo(host, port, *args, **kwargs):
            asked.append(host)
            if host != name:
                return real(host, port, *args, **kwargs)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return install
