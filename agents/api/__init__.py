"""The workforce's part of the REST API."""
