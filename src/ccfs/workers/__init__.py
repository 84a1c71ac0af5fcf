"""Background work: queued jobs, heartbeats, storage moves and maintenance."""
