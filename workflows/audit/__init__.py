"""The audit log read back: verified, rebuilt, exported. Written only by the database (append_audit.sql)."""
