"""Audio: detect, convert, probe, decode, encode. Input is open files, output is bytes. No clock, no database."""
