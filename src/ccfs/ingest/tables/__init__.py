"""Tables of a switch's database as sources: CDRs, queue logs, recording logs. Their rows become lines of a text format.

source        one table: its rows as lines, a sample of them, and pauses while the database cannot be reached
progress      how far a table was read, and from where the next pass reads
table_pass    one pass over a table
formats       rows to lines: CDRs and queue logs of Asterisk
recording_log, channels   the same for VICIdial's recordings and for FreeSWITCH (FusionPBX)
cells         bytes of a value to text
"""
