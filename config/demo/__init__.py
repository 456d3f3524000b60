"""The demo: a small shop whose orders, invoices and suppliers are worked on by sample agents."""
