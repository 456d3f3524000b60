from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.factories import make_user

Someone = Callable[..., Client]


@pytest.fixture
def someone(db: None) -> Someone:
    """Logs somebody in: a name and the groups; staff unless told otherwise."""

    def log_in(name: str, *groups: str, is_staff: bool = True, **fields: bool) -> Client:
        client = Client()
        client.force_login(make_user(name, *groups, is_staff=is_staff, **fields))
        return client

    return log_in


@pytest.fixture
def modeller(someone: Someone) -> Client:
    return someone("mona", "modeller")
