"""Apps, their accounts, keys and limits."""
