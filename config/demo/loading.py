"""Fills an empty desk with the demo. What is there already stays as people have left it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from agents import orchestrator
from agents.models import Agent
from config.demo.gateway.rules import CATALOGUES
from config.demo.models import Customer, PurchasePrice, StockItem
from config.demo.workflows import TRIGGERS, WORKFLOWS
from config.demo.workforce import AGENTS
from workflows import engine
from workflows.models import Workflow

STOCK = {
    "SKU-001": ("Signal lamp, amber", 100_000),
    "SKU-002": ("Track relay", 400),
    "SKU-003": ("Point lever", 60),
    "SKU-004": ("Brass bell, hand-made", 3),
}
BERLIN = {"street": "Lindenweg 4", "postal_code": "10115", "city": "Berlin", "country": "DE"}
CUSTOMERS = {
    "CUST-123": {"name": "Mary Jackson", "phone": "+4930901820", "payment_method": "card"} | BERLIN,
    "CUST-200": {"name": "Nowhere Ltd", "payment_method": "card"},
    "CUST-300": {"name": "Penniless & Sons"} | BERLIN,
    "CUST-400": {"name": "Small Card", "phone": "+4930901840", "payment_method": "card"} | BERLIN,
}
PEOPLE = {"ada": "operator", "grace": "approver", "linus": "modeller", "vera": "auditor"}


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A demo user that was just created; the password is shown this once and stored nowhere."""

    username: str
    group: str
    password: str


def load() -> list[NewPerson]:
    """Create what is missing: shop, agents, workflows, people. Returns the new people."""
    with transaction.atomic():
        _fill_shop()
        people = [_person(name, group) for name, group in PEOPLE.items()]
    _register_agents()
    _register_workflows()
    return [person for person in people if person]


def _fill_shop() -> None:
    for sku, (name, on_hand) in STOCK.items():
        StockItem.objects.get_or_create(sku=sku, defaults={"name": name, "on_hand": on_hand})
    for customer_id, fields in CUSTOMERS.items():
        email = f"{customer_id.lower()}@customers.example"
        Customer.objects.get_or_create(customer_id=customer_id, defaults={"email": email} | fields)
    for item in CATALOGUES["SUP-SOUTH"]:
        PurchasePrice.objects.get_or_create(
            supplier_id="SUP-SOUTH",
            sku=item["sku"],
            defaults={"price": Decimal(str(item["price"]))},
        )


def _person(username: str, group: str) -> NewPerson | None:
    users = get_user_model().objects
    if users.filter(username=username).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = users.create_user(
        username,
        email=f"{username}@signalbox.example",
        password=password,
        first_name=username.capitalize(),
        is_staff=group == "modeller",
    )
    user.groups.add(Group.objects.get(name=group))
    return NewPerson(username, group, password)


def _register_agents() -> None:
    known = set(Agent.objects.values_list("key", flat=True))
    for agent in AGENTS:
        if agent["key"] not in known:
            orchestrator.register_agent(agent)


def _register_workflows() -> None:
    known = set(Workflow.objects.values_list("key", flat=True))
    for definition in WORKFLOWS:
        if definition["key"] not in known:
            engine.register_workflow(definition)
            for settings in TRIGGERS.get(definition["key"], ()):
                engine.register_trigger(definition["key"], settings)
