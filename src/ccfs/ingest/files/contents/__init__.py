"""Contents of source files: decompression, damage, records, positions."""
