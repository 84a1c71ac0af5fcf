"""One switch, many tenants: find the owner of each call, and store what has none until it has one.

routers              whose a call is: by tenant rules, or by the domain that names the account
assignment           records of a pass to their owners; those without one stay, and are tried again
call_records         parsed lines as records that can be stored
queue_lines          lines of a queue log
recordings           recordings to the one owner whose call they are
"""
