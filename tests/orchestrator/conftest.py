from tests.engine.conftest import _everything_is_sound, clock, gate

__all__ = ["_everything_is_sound", "clock", "gate"]
