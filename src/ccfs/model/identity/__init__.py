"""Users, roles, tenants, second factors, the audit log."""
