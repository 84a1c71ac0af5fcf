"""Tables of a switch's database as sources: CDRs, queue logs, recording logs. Their rows become lines of a text format.

source        one table: its rows as lines, a sample, and pauses while the database cannot be reached
progress      how far a table was read, and where the next pass starts
table_pass    one pass over a table
formats       converts rows of Asterisk's CDRs and queue logs to lines
recording_log, channels   the same for VICIdial's recordings and for FreeSWITCH (FusionPBX)
cells         converts the bytes of a value to text
"""
