"""CC-FS operations over HTTP: one module per group of operations."""
