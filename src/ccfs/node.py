"""Composition by hand, in one place: settings become a database, locations, a clock, a web application, a work loop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from prometheus_client import CollectorRegistry

from ccfs import logs, settings
from ccfs.model.callback_url import private_hosts
from ccfs.model.delivery import Schedule
from ccfs.settings import Settings
from ccfs.store.db import Database, open_database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Location
from ccfs.store.picture import Pictures
from ccfs.store.sealing import Sealer, keys_in
from ccfs.store.trusted_certificates import Trusted
from ccfs.store.upgrade import upgrade
from ccfs.web.app import Web
from ccfs.web.console.provider import Provider
from ccfs.web.console.provider import Terms as ProviderTerms
from ccfs.web.counters import Counters
from ccfs.web.here import Here
from ccfs.work.deliver import Announcer, Sender, Terms
from ccfs.work.egress import Egress
from ccfs.work.make import Maker, Workshop

HOME = "0"  # id of the location that takes new bytes


def now() -> datetime:
    """The clock: an aware instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Node:
    """One process's parts, each made when it is first asked for."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """The database, at this release's schema."""
        database = open_database(self.settings.url)
        upgrade(database)
        return database

    @cached_property
    def sealer(self) -> Sealer:
        """What seals secrets at rest."""
        return Sealer(self.settings.node_keys or keys_in(self.settings.data))

    @cached_property
    def disk(self) -> Disk:
        """This node's disk location."""
        return Disk(HOME, self.settings.data / "files")

    @cached_property
    def locations(self) -> dict[str, Location]:
        """Every location by id."""
        return {HOME: self.disk}

    @cached_property
    def pictures(self) -> Pictures:
        """Tenancy as this process sees it."""
        return Pictures(self.database, self.sealer)

    def announcer(self) -> Announcer:
        """What sends callbacks."""
        set_to = self.settings
        schedule = Schedule(
            every=timedelta(seconds=set_to.callback_retry_seconds),
            attempts=set_to.callback_max_attempts,
            is_exponential=set_to.callback_backoff == "exponential",
        )
        terms = Terms(
            schedule=schedule,
            host_with_port=set_to.callback_host_with_port,
            sender_of=self._sender_of,
            now=now,
        )
        egress = Egress(trusted=Trusted(self.database), trust_all=set_to.ssl_trust_all)
        return Announcer(self.database, egress, terms)

    def maker(self, ready: Callable[[], None]) -> Maker:
        """What makes exports; `ready` is called when one is."""
        home = self.locations[HOME]
        return Maker(Workshop(database=self.database, home=home, settings=self.settings, now=now, ready=ready))

    @cached_property
    def _fresh_pictures(self) -> Pictures:
        """Never old: a prefix that was bound just now is bound for the callback that is sent now, too."""
        return Pictures(self.database, self.sealer, patience=0)

    def _sender_of(self, app: int) -> Sender:
        picture = self._fresh_pictures.latest(now())
        keys = [key for found in picture.keys.values() for key in found if key.app.id == app]
        own = [key for key in keys if key.ak == key.app.ak]
        callbacks = picture.callbacks.get(app, {})
        key = max(own or keys, key=lambda one: one.id, default=None)
        return Sender(key=key, prefixes=list(callbacks), private_hosts=private_hosts(callbacks))

    def _provider(self) -> Provider | None:
        """Who proves people by single sign-on, if anybody does."""
        set_to = self.settings
        if not (set_to.console and set_to.oidc_issuer):
            return None
        home = set_to.console_url.rstrip("/").removesuffix("/console") + "/console"
        terms = ProviderTerms(
            issuer=set_to.oidc_issuer,
            client_id=set_to.oidc_client_id,
            client_secret=set_to.oidc_client_secret,
            scopes=set_to.oidc_scopes,
            back=f"{home}/oidc/back",
            home=f"{home}/login",
            authorities=set_to.oidc_ca,
        )
        return Provider(terms)

    def web(self) -> Web:
        """The RSGI application."""
        return Web(
            Here(
                settings=self.settings,
                database=self.database,
                pictures=self.pictures,
                locations=self.locations,
                home=HOME,
                now=now,
                counters=Counters(CollectorRegistry()),
                sealer=self.sealer,
                provider=self._provider(),
            )
        )


def web() -> Web:
    """What each web process of Granian makes first; its settings are in the environment."""
    logs.prepare()
    return Node(settings.read()).web()
