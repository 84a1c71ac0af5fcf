"""Parse the files of Asterisk.

`cdr_files` splits CDR lines into columns and converts their times; `legs` builds legs and joins them to calls; `queue_log`
parses events of agents and queues, and `cel` those of channels; `recordings` finds the files and calls that names refer to.
`switches.queue_merge` merges legs with queue visits.
"""
