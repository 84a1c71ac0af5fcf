"""Uses of API keys and downloads of API clients: noted in memory by requests, and written in batches by a background task."""

import asyncio
import time
from collections import deque
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.engine import Database
from ccfs.db.system import tenants
from ccfs.db.system.console import api_downloads
from ccfs.db.system.console.api_downloads import ApiDownload
from ccfs.logs import get_logger
from ccfs.model.identity.tenancy import App
from ccfs.settings import Settings
from ccfs.web.request import Request

KEY_SECONDS: Final = 60.0  # between two notes of a key
MAX_DOWNLOADS: Final = 20_000  # that wait to be written; further ones are counted and logged
BATCH_DOWNLOADS: Final = 500  # of a transaction
MAX_KEYS: Final = 10_000  # whose last note is remembered


class UsageLog:
    """Keys and recordings that the requests of a web process used. For the event loop's thread; only `write` runs in another one."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._noted_keys: dict[int, float] = {}  # monotonic time of the last note
        self._keys: dict[int, datetime] = {}
        self._downloads: deque[ApiDownload] = deque()
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    def note_key(self, key_id: int, now: datetime) -> None:
        """Note that a key signed a request, at most once in KEY_SECONDS."""
        moment = time.monotonic()
        if moment - self._noted_keys.get(key_id, float("-inf")) >= KEY_SECONDS:
            if len(self._noted_keys) >= MAX_KEYS:
                self._noted_keys.clear()
            self._noted_keys[key_id] = moment
            self._keys[key_id] = now

    def note_download(
        self, request: Request, app: App, operation: str, now: datetime, *, name: str = "", call_id: str = ""
    ) -> None:
        """Note a download from its first byte on, if the setting says so: further ranges belong to it."""
        if not self._settings.audit_api_downloads or not request.headers.get("range", "bytes=0-").startswith(
            "bytes=0-"
        ):
            return
        if len(self._downloads) >= MAX_DOWNLOADS:
            self._dropped += 1
            return
        address = request.get_client_address(self._settings.trusted_proxies)
        download = ApiDownload(at=now, app=app, operation=operation, name=name, call_id=call_id, address=address)
        self._downloads.append(download)

    def write_in_background(self) -> None:
        """Write what is noted, unless a write is under way."""
        if (self._keys or self._downloads) and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(asyncio.to_thread(self.write))

    def write(self) -> None:
        """Write what is noted. After a failure of the database, downloads wait for the next write."""
        keys, self._keys = self._keys, {}
        try:
            if keys:
                with self._database.write_transaction() as connection:
                    tenants.record_key_uses(connection, keys)
            while self._downloads:
                batch = [self._downloads.popleft() for _ in range(min(BATCH_DOWNLOADS, len(self._downloads)))]
                try:
                    with self._database.write_transaction() as connection:
                        api_downloads.add_all(connection, batch)
                except SQLAlchemyError:
                    self._downloads.extendleft(reversed(batch))
                    raise
        except SQLAlchemyError as error:
            get_logger().warning("usage not written", action="usage_not_written", reason=str(error)[:200])
        if self._dropped:
            get_logger().error("downloads missing in the audit log", action="audit_incomplete", count=self._dropped)
            self._dropped = 0
