"""Kept recordings made audible: read, drawn as levels, brought into other forms. Open files in, bytes out; no clock, no database."""
