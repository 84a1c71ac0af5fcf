"""What Asterisk leaves: CDR files, queue_log and names of recordings. Pure parsing: bytes and strings in, values out.

`cdr` finds the columns of a CDR line, `clock` and `zone` its instants, `calls` makes it a Leg; `queue_log` reads agents
and queues, `recordings` ties files to calls; `switches.visits` brings legs and queues together. No file is opened here, no clock is read.
"""
