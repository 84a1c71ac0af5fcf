"""Users, roles, tenants, second factors, and the audit log."""
