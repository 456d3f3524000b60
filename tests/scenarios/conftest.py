"""One running product for all scenarios: its start is the slow part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.held_gateway import HeldGateway, holding
from tests.scenarios.product import Product, running


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldGateway]:
    with holding(tmp_path_factory.mktemp("gateway")) as held:
        yield held


@pytest.fixture(scope="package")
def product(gateway: HeldGateway) -> Iterator[Product]:
    with running(gateway.url) as up:
        yield up
