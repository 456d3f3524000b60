"""The demo's outside world, a process of its own: a payment gateway and suppliers' catalogues."""
