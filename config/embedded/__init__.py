"""A PostgreSQL server of our own, from the binaries of a wheel, for whoever has none."""

from __future__ import annotations

from config.embedded.lifetime import hold, is_held, leave, restart

__all__ = ["hold", "is_held", "leave", "restart"]
