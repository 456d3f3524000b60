from __future__ import annotations

from typing import Any

OVER_LIMIT = "double(total_amount) > double(approval_limit)"
WITHIN_LIMIT = "double(total_amount) <= double(approval_limit)"

INPUT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order",
    "type": "object",
    "required": ["order_id", "customer_id", "items", "total_amount"],
    "properties": {
        "order_id": {
            "type": "string",
            "title": "Order number",
            "description": "With RETRY in it the payment gateway is down at first; "
            "with DECLINE in it the card is declined.",
            "pattern": "^[A-Za-z0-9_-]{1,60}$",
            "default": "ORD-2026-001",
            "examples": ["ORD-2026-RETRY", "ORD-2026-DECLINE"],
        },
        "customer_id": {
            "type": "string",
            "title": "Customer",
            "description": "CUST-123 is complete, CUST-200 lacks an address, "
            "CUST-300 a payment method; CUST-400 has a card limit of 400.",
            "minLength": 1,
            "maxLength": 40,
            "default": "CUST-123",
            "examples": ["CUST-200", "CUST-300", "CUST-400"],
        },
        "items": {
            "type": "array",
            "title": "Items",
            "description": "SKU-001 to SKU-004 are in the range; SKU-004 is scarce.",
            "minItems": 1,
            "maxItems": 100,
            "default": [{"sku": "SKU-001", "quantity": 2}],
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": {"type": "string", "title": "Article", "minLength": 1},
                    "quantity": {"type": "integer", "title": "Quantity", "minimum": 1},
                },
            },
        },
        "total_amount": {
            "type": "number",
            "title": "Total",
            "description": "Above 500 a person has to approve the payment.",
            "exclusiveMinimum": 0,
            "maximum": 1_000_000,
            "default": 299.99,
            "examples": [299.99, 899],
        },
    },
}

ORDER_PROCESSING: dict[str, Any] = {
    "key": "order_processing_v1",
    "name": "Order processing",
    "description": "From an incoming order to the parcel: check it, hold the stock, take the money "
    "(with an approval above the limit), ship it and tell the customer.",
    "triggers": ["order_created"],
    "variables": {"currency": "USD", "tax_rate": 0.08, "approval_limit": 500},
    "timeout_minutes": 60,
    "retry_policy": {"max_retries": 3, "backoff_multiplier": 2, "initial_delay": 1},
    "input_schema": INPUT_SCHEMA,
    "tasks": [
        {
            "key": "validate_order",
            "name": "Validate order",
            "description": "Check that items, address and payment are complete.",
            "capabilities": ["order_validation"],
            "priority": "HIGH",
            "input": {"rules": ["check_items", "check_address", "check_payment"]},
            "max_retries": 3,
        },
        {
            "key": "check_inventory",
            "name": "Check inventory",
            "description": "Check the stock and hold what the order needs.",
            "capabilities": ["inventory_check"],
            "priority": "NORMAL",
            "input": {"check_availability": True, "operation": "reserve"},
            "max_retries": 3,
            "dependencies": ["validate_order"],
        },
        {
            "key": "approve_order",
            "name": "Approve order",
            "description": "The total is over the limit: an approver decides about the payment.",
            "kind": "human",
            "priority": "HIGH",
            "dependencies": [{"task": "check_inventory", "when": OVER_LIMIT}],
            "approval": {
                "title": "Approve an order over the limit",
                "groups": ["approver"],
                "required": 1,
                "not_requester": True,
            },
        },
        {
            "key": "process_payment",
            "name": "Process payment",
            "description": "Charge the customer through the payment gateway.",
            "capabilities": ["payment_processing"],
            "priority": "CRITICAL",
            "input": {"payment_gateway": "stripe"},
            "max_retries": 5,
            "join": "one",
            "dependencies": [
                {"task": "check_inventory", "when": WITHIN_LIMIT},
                {"task": "approve_order", "when": 'output.decision == "approve"'},
            ],
            "output_mapping": {
                "payment_id": "output.body.id",
                "payment_status": "output.body.status",
            },
        },
        {
            "key": "cancel_order",
            "name": "Cancel order",
            "description": "The order was rejected or its payment declined: give the stock back.",
            "capabilities": ["stock_management"],
            "priority": "NORMAL",
            "input": {"operation": "release"},
            "join": "one",
            "dependencies": [
                {"task": "approve_order", "when": 'output.decision == "reject"'},
                {"task": "process_payment", "when": 'output.body.status == "declined"'},
            ],
        },
        {
            "key": "fulfill_order",
            "name": "Fulfil order",
            "description": "Take the goods off the shelf and hand them to the carrier.",
            "capabilities": ["shipping"],
            "priority": "NORMAL",
            "input": {"shipping_method": "express"},
            "max_retries": 3,
            "dependencies": [
                {"task": "process_payment", "when": 'output.body.status == "captured"'}
            ],
            "output_mapping": {
                "carrier": "output.carrier",
                "tracking_code": "output.tracking_code",
            },
        },
        {
            "key": "send_notification",
            "name": "Send notification",
            "description": "Confirm the order to the customer by e-mail and SMS.",
            "capabilities": ["email", "sms"],
            "priority": "LOW",
            "input": {"channels": ["email", "sms"], "message": "order_confirmation"},
            "max_retries": 2,
            "dependencies": ["fulfill_order"],
        },
    ],
}
