"""The audit log read back: verified, sealed, exported, rebuilt. append_audit.sql writes it."""
