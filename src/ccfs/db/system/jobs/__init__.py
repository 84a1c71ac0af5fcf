"""Job queues of all apps, as workers see them."""
