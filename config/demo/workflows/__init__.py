"""The demo's processes, as definitions for `engine.register_workflow`."""

from __future__ import annotations

from config.demo.workflows.catalogue_watch import CATALOGUE_WATCH
from config.demo.workflows.invoice_intake import INVOICE_INTAKE
from config.demo.workflows.order_processing import ORDER_PROCESSING
from config.demo.workflows.supplier_sync import SUPPLIER_SYNC, SUPPLIER_SYNC_TRIGGERS

WORKFLOWS = (ORDER_PROCESSING, INVOICE_INTAKE, SUPPLIER_SYNC, CATALOGUE_WATCH)
# Of workflows by key: triggers that would surprise, were they not paused.
TRIGGERS = {SUPPLIER_SYNC["key"]: SUPPLIER_SYNC_TRIGGERS}

__all__ = [
    "CATALOGUE_WATCH",
    "INVOICE_INTAKE",
    "ORDER_PROCESSING",
    "SUPPLIER_SYNC",
    "TRIGGERS",
    "WORKFLOWS",
]
