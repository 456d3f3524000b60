from __future__ import annotations

from typing import Any

EXAMPLE = "sku,quantity,unit_price\nSKU-002,10,39.90\nSKU-004,2,275.00\n"

INPUT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Invoice",
    "type": "object",
    "required": ["supplier_id", "invoice_number", "csv", "stated_total"],
    "properties": {
        "supplier_id": {
            "type": "string",
            "title": "Supplier",
            "description": "SUP-NORTH or SUP-SOUTH.",
            "enum": ["SUP-SOUTH", "SUP-NORTH"],
            "default": "SUP-SOUTH",
        },
        "invoice_number": {
            "type": "string",
            "title": "Invoice number",
            "description": "A number that was booked before is found out.",
            "minLength": 1,
            "maxLength": 60,
            "default": "INV-1001",
        },
        "csv": {
            "type": "string",
            "title": "Lines",
            "description": "CSV with the columns sku, quantity and unit_price.",
            "minLength": 1,
            "maxLength": 60_000,
            "contentMediaType": "text/csv",
            "default": EXAMPLE,
        },
        "stated_total": {
            "type": "number",
            "title": "Total on the invoice",
            "description": "Including tax; compared with the sum of the lines.",
            "minimum": 0,
            "default": 1024.92,
        },
    },
}

INVOICE_INTAKE: dict[str, Any] = {
    "key": "invoice_intake_v1",
    "name": "Invoice intake",
    "description": "Read a supplier's invoice, check it from three sides at once, book it with "
    "everything that was found, and tell accounting.",
    "triggers": ["invoice_received"],
    "variables": {"tax_rate": 0.08, "accounting_email": "accounting@signalbox.example"},
    "timeout_minutes": 30,
    "retry_policy": {"max_retries": 2, "backoff_multiplier": 2, "initial_delay": 1},
    "input_schema": INPUT_SCHEMA,
    "tasks": [
        {
            "key": "read_invoice",
            "name": "Read invoice",
            "description": "Turn the CSV text into lines; an unreadable line is an error.",
            "capabilities": ["invoice_processing"],
            "input": {"operation": "read"},
            "output_mapping": {"lines": "output.lines"},
        },
        {
            "key": "add_up",
            "name": "Add up",
            "description": "Compute net, tax and gross and compare them with the stated total.",
            "capabilities": ["invoice_processing"],
            "input": {"operation": "total"},
            "dependencies": ["read_invoice"],
            "output_mapping": {
                "net": "output.net",
                "tax": "output.tax",
                "gross": "output.gross",
                "sum_findings": "output.findings",
            },
        },
        {
            "key": "check_prices",
            "name": "Check prices",
            "description": "Compare each price with the purchase price that was agreed.",
            "capabilities": ["invoice_processing"],
            "input": {"operation": "check_prices"},
            "dependencies": ["read_invoice"],
            "output_mapping": {"price_findings": "output.findings"},
        },
        {
            "key": "check_number",
            "name": "Check number",
            "description": "Find out whether this invoice has been booked before.",
            "capabilities": ["invoice_processing"],
            "input": {"operation": "check_number"},
            "dependencies": ["read_invoice"],
            "output_mapping": {"seen_findings": "output.findings"},
        },
        {
            "key": "book_invoice",
            "name": "Book invoice",
            "description": "When all three checks are done, book the invoice with their findings.",
            "capabilities": ["invoice_processing"],
            "input": {"operation": "book"},
            "join": "every",
            "dependencies": ["add_up", "check_prices", "check_number"],
            "output_mapping": {
                "invoice": "output.invoice",
                "invoice_status": "output.status",
                "findings": "output.findings",
            },
        },
        {
            "key": "quality_check",
            "name": "Quality check",
            "description": "The supervisor adds the booked invoice up once more.",
            "capabilities": ["quality_check"],
            "role": "supervisor",
            "dependencies": ["book_invoice"],
        },
        {
            "key": "report",
            "name": "Report to accounting",
            "description": "Send accounting the result by e-mail.",
            "capabilities": ["email"],
            "priority": "LOW",
            "input": {"message": "invoice_report"},
            "dependencies": ["quality_check"],
        },
    ],
}
