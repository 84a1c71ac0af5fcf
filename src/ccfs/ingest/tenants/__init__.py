"""A switch with many tenants: find the owner of each call, and store records until they have an owner.

routers              find the tenant of a call by tenant rules, or by the domain named after the account
assignment           assigns the records of a pass to their owners; records without one are stored and retried
call_records         parsed lines as records that can be stored
queue_lines          lines of a queue log
recordings           assigns each recording to the only owner whose call it matches
"""
