"""The process as a value: no Django, no I/O, no clock."""
