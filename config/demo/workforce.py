"""The demo's agents, as arguments of `orchestrator.register_agent`."""

from __future__ import annotations

from typing import Any

CHARGE: dict[str, Any] = {
    "method": "POST",
    "url": "${SIGNALBOX_PAYMENT_URL}/charges",
    "body": {
        "order_id": "order_id",
        "customer_id": "customer_id",
        "amount": "total_amount",
        "currency": "currency",
    },
    "accept": [402],
    "timeout_seconds": 10,
}
CATALOGUE: dict[str, Any] = {
    "method": "GET",
    "url": "${SIGNALBOX_PAYMENT_URL}/suppliers/{supplier_id}/catalogue",
    "timeout_seconds": 10,
}

AGENTS: tuple[dict[str, Any], ...] = (
    {
        "key": "agent_001",
        "name": "Order validation agent",
        "description": "Checks that orders are complete.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["order_validation", "data_check"],
        "max_concurrent_tasks": 10,
        "config": {"tool": "demo.validate_order"},
    },
    {
        "key": "agent_002",
        "name": "Inventory agent",
        "description": "Holds stock for orders and gives it back.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["inventory_check", "stock_management"],
        "max_concurrent_tasks": 8,
        "config": {"tool": "demo.inventory"},
    },
    {
        "key": "agent_003",
        "name": "Payment agent",
        "description": "Charges cards through the payment gateway's API.",
        "role": "worker",
        "kind": "http",
        "capabilities": ["payment_processing", "fraud_detection"],
        "max_concurrent_tasks": 5,
        "config": CHARGE,
    },
    {
        "key": "agent_004",
        "name": "Logistics agent",
        "description": "Sends parcels.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["shipping", "logistics"],
        "max_concurrent_tasks": 15,
        "config": {"tool": "demo.create_shipment"},
    },
    {
        "key": "agent_005",
        "name": "Notification agent",
        "description": "Writes to customers and colleagues by e-mail and SMS.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["email", "sms", "push_notification"],
        "max_concurrent_tasks": 20,
        "config": {"tool": "demo.notify"},
    },
    {
        "key": "agent_supervisor",
        "name": "Process supervisor",
        "description": "Looks over the others' work.",
        "role": "supervisor",
        "kind": "python",
        "capabilities": ["monitoring", "quality_check", "escalation"],
        "max_concurrent_tasks": 50,
        "config": {"tool": "demo.quality_check"},
    },
    {
        "key": "agent_invoices",
        "name": "Invoice agent",
        "description": "Reads, checks and books suppliers' invoices.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["invoice_processing"],
        "max_concurrent_tasks": 6,
        "config": {"tool": "demo.invoices"},
    },
    {
        "key": "agent_suppliers",
        "name": "Supplier agent",
        "description": "Reads suppliers' catalogues over their API.",
        "role": "worker",
        "kind": "http",
        "capabilities": ["supplier_catalogue"],
        "max_concurrent_tasks": 2,
        "config": CATALOGUE,
    },
    {
        "key": "agent_purchasing",
        "name": "Purchasing agent",
        "description": "Keeps the purchase prices up to date.",
        "role": "worker",
        "kind": "python",
        "capabilities": ["purchasing"],
        "max_concurrent_tasks": 2,
        "config": {"tool": "demo.update_prices"},
    },
)
