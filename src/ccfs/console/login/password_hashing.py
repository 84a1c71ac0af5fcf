"""Hash and verify passwords in threads of their own.

Each hash takes 32 MB and 30 ms. In the threads that wait for the database and the locations, a burst of sign-ins would
delay every other request.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ccfs.db.system.console import passwords

THREADS = 2
_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="password")


async def verify(password_hash: str, password: str) -> bool:
    """Return whether the password matches the hash; see passwords.verify."""
    return await asyncio.get_running_loop().run_in_executor(_executor, passwords.verify, password_hash, password)


async def hash_password(password: str) -> str:
    """Return the hash to store."""
    return await asyncio.get_running_loop().run_in_executor(_executor, passwords.hash_password, password)
