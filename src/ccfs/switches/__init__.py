"""Parse the files of switches: bytes in, values out. No I/O, no clock, no database."""
