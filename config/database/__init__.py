"""Django's PostgreSQL backend; it names its process and starts the embedded server when needed."""
