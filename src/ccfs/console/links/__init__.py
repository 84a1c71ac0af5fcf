"""Links by which people without an account hear a recording or a passage: making and revoking them, and the page that they open."""
