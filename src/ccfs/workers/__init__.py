"""What takes time: claim one due thing, do it, record it."""
