"""Ingest: read the files that switches write, and store them as rows and blobs of one app.

Bytes are written to their location first, then rows and cursor in one transaction. A second run changes nothing: lines are
identified by their digest, files by path, size and time. What is rejected is a row with a reason.

    asterisk, freeswitch, ccfs   one pass over the files of each switch; watch repeats them
    files                        reading files: folders, growing text files, rotation, damage
    calls                        legs and queue visits to rows of calls: joining legs, choosing the agent
    recordings                   recordings to calls: matching, storing, naming, what is missing
    context                      what all steps of a run share
"""
