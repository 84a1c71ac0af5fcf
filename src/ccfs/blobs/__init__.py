"""Storage locations: their interface, its implementations, and the locations of a process."""
