"""Workers that find speech in recordings."""
