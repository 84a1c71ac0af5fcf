"""Parse the files of Asterisk: CDR files, queue_log, names of recordings.

`cdr` splits CDR lines into columns, `clock` and `zone` convert their times, `calls` builds legs; `queue_log` parses events of
agents and queues; `recordings` finds the files and calls that names refer to; `switches.queue_merge` merges legs and visits.
"""
