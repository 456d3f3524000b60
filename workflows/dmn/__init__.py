"""Pure: decision tables and simple FEEL, read from DMN files."""
