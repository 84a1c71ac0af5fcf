"""What switches leave: pure parsing of their files, given as bytes. No I/O, no clock, no database."""
