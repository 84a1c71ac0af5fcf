"""Sign-in by password and OpenID Connect, and the user's own account."""
