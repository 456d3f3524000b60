"""What `manage.py bench` measures: the engine and the database's own limit, side by side."""
