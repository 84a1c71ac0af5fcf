"""The job queues of all apps, as used by workers."""
