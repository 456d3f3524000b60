"""Pages: get, check, call one verb of the engine, render a page or a fragment."""
