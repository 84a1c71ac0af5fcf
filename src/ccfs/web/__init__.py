"""Who is asking now: the only async code."""
