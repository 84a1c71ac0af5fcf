"""Background work: jobs of queues, heartbeats, storage moves and maintenance."""
