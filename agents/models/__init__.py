from .agents import Agent, Kind, Role

__all__ = ["Agent", "Kind", "Role"]
