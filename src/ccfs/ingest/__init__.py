"""Ingest: read the files that switches write, and store them as rows and blobs.

Bytes are written to their location first, then rows and cursor in a single transaction. A second run changes nothing: lines
are identified by their digest, files by path, size and time. Whatever is rejected becomes a row with a reason.

    asterisk, freeswitch, ccfs   one pass over the files of each switch; watch repeats them
    files, tables                reading files and tables: folders, growing text files, rotation, damage
    calls                        converting legs and queue visits to call rows: joining legs, choosing the agent
    recordings                   recordings: matching them to calls, storing, naming, missing ones
    tenants                      the tenants of calls and recordings
    check                        the dry run
    context                      state shared by all steps of a run
"""
