"""REST under /api/v1/ (docs/api.md): get, check, call one verb of the engine, answer JSON."""
