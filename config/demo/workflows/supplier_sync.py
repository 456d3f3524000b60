from __future__ import annotations

from typing import Any

SUPPLIER_SYNC: dict[str, Any] = {
    "key": "supplier_sync_v1",
    "name": "Supplier price sync",
    "description": "Fetch a supplier's catalogue over HTTP and take over its prices. SUP-NORTH "
    "keeps its catalogue locked at first, so the run fails: unlock it on the page Partners, then "
    "retry the failed task.",
    "triggers": ["catalogue_changed"],
    "variables": {},
    "timeout_minutes": 30,
    "retry_policy": {"max_retries": 2, "backoff_multiplier": 2, "initial_delay": 1},
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Supplier",
        "type": "object",
        "required": ["supplier_id"],
        "properties": {
            "supplier_id": {
                "type": "string",
                "title": "Supplier",
                "description": "SUP-NORTH is locked at first, SUP-SOUTH is open.",
                "enum": ["SUP-NORTH", "SUP-SOUTH"],
                "default": "SUP-NORTH",
            }
        },
    },
    "tasks": [
        {
            "key": "fetch_catalogue",
            "name": "Fetch catalogue",
            "description": "Ask the supplier for the catalogue; a locked one is refused.",
            "capabilities": ["supplier_catalogue"],
            "priority": "HIGH",
            "output_mapping": {"catalogue": "output.body.items"},
        },
        {
            "key": "update_prices",
            "name": "Update prices",
            "description": "Write the new purchase prices and list what changed.",
            "capabilities": ["purchasing"],
            "dependencies": ["fetch_catalogue"],
            "output_mapping": {"changes": "output.changes"},
        },
    ],
}

# A schedule, and the end of another workflow: each by a cause of its own.
SUPPLIER_SYNC_TRIGGERS: tuple[dict[str, Any], ...] = (
    {
        "kind": "schedule",
        "cron": "0 6 * * MON-FRI",
        "zone": "Europe/Berlin",
        "catch_up": "once",
        "mapping": {"supplier_id": "'SUP-SOUTH'"},
        "paused": "The demo starts nothing by itself. Resume it to get SUP-SOUTH's prices on "
        "working days.",
    },
    {
        "kind": "workflow_end",
        "workflow": "invoice_intake_v1",
        "states": ["completed"],
        "filter": "size(variables.price_findings) > 0",
        "mapping": {"supplier_id": "variables.supplier_id"},
        "paused": "The demo starts nothing by itself. Resume it to ask a supplier for its prices "
        "whenever an invoice asks for others.",
    },
)
