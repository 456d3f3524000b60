"""What the demo's Python agents do. Importing a module registers its tools."""

from config.demo.tools import inventory, invoices, messages, orders, purchasing, shipping

__all__ = ["inventory", "invoices", "messages", "orders", "purchasing", "shipping"]
