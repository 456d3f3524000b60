"""The children of `up`: what each runs, and in which environment."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from django.conf import settings

from config.errors import StartError
from config.supervisor.child import Child

LOOPBACK = "127.0.0.1"


def children(*, host: str, port: int, workers: int, only: str, gateway_port: int) -> list[Child]:
    """`only` is web, worker or all; a gateway port of 0 means that the demo needs no gateway."""
    environment = _environment(host, port, workers, gateway_port)
    found: list[Child] = []
    if only != "worker":
        found.append(_child("web", _web(host, port), environment | {"APP_ROLE": "web"}))
    if only != "web":
        worker = ["manage.py", "qcluster", "--skip-checks"]
        found.append(_child("worker", worker, environment | {"APP_ROLE": "worker"}))
    if gateway_port:
        found.append(_child("gateway", _gateway(gateway_port), environment))
    return found


def gateway_port() -> int:
    """A free port for the demo's payment gateway, unless there is one elsewhere or no demo."""
    return free_port(LOOPBACK) if settings.DEMO and not settings.PAYMENT_URL else 0


def free_port(host: str) -> int:
    with socket.create_server((host, 0)) as found:
        return int(found.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Raises StartError when somebody listens there already, or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except PermissionError:
        raise StartError(
            f"Port {port} needs more rights: choose one above 1023 with --port."
        ) from None
    except OSError as error:
        raise StartError(
            f"Port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}):"
            " stop the program that uses it, or choose another with --port."
        ) from None


def _child(name: str, program: list[str], environment: dict[str, str]) -> Child:
    return Child(name, program, environment, Path(settings.BASE_DIR))


def _environment(host: str, port: int, workers: int, gateway_port: int) -> dict[str, str]:
    chosen = {
        "HOST": host,
        "PORT": str(port),
        "SIGNALBOX_WORKERS": str(workers),
        "SIGNALBOX_DEMO": "1" if settings.DEMO else "0",
        "SIGNALBOX_DATABASE_ROLE": "app",
        "PYTHONUNBUFFERED": "1",
    }
    if gateway_port:
        address = f"{LOOPBACK}:{gateway_port}"
        chosen["SIGNALBOX_PAYMENT_URL"] = f"http://{address}"
        chosen["SIGNALBOX_EGRESS_ALLOW"] = ",".join([*settings.EGRESS_ALLOW, address])
    return {**os.environ, **chosen}


def _web(host: str, port: int) -> list[str]:
    return [
        *("-m", "uvicorn", "config.asgi:application", "--host", host, "--port", str(port)),
        *("--log-level", "warning", "--no-access-log", "--no-server-header"),
        *("--timeout-graceful-shutdown", "5"),
    ]


def _gateway(port: int) -> list[str]:
    ledger = str(settings.DATA_DIR / "payments.jsonl")
    return [
        *("manage.py", "payment_gateway", "--host", LOOPBACK),
        *("--port", str(port), "--ledger", ledger),
    ]
