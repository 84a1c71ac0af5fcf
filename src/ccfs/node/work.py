"""What takes time, from a node's parts: of the process that works, and of commands that do the same by hand."""

from collections.abc import Callable
from datetime import timedelta

from ccfs import terms
from ccfs.model.callback_url import private_hosts
from ccfs.node import Node, now
from ccfs.store.picture import Pictures
from ccfs.store.trusted_certificates import Trusted
from ccfs.work import deliver, keeping
from ccfs.work.deliver import Announcer, Sender
from ccfs.work.egress import Egress
from ccfs.work.gather import Desk, Gatherer
from ccfs.work.heart import Heart
from ccfs.work.keeping import Keeper
from ccfs.work.make import Maker, Workshop
from ccfs.work.move import Mover


def heart(node: Node, address: str) -> Heart:
    """What tells the others that this node lives, and reaches them at `address`."""
    return Heart(node.database, node.standing(address), node.patience, now)


def announcer(node: Node, heart: Heart) -> Announcer:
    """What sends callbacks."""
    of_deliveries = deliver.Terms(
        schedule=terms.of_callbacks(node.settings),
        host_with_port=node.settings.callback_host_with_port,
        senders=senders(node),
        now=heart.now,
        is_draining=lambda: heart.is_draining,
    )
    egress = Egress(trusted=Trusted(node.database), trust_all=node.settings.ssl_trust_all)
    return Announcer(node.database, egress, of_deliveries)


def senders(node: Node) -> Callable[[], Callable[[int], Sender]]:
    """What tells, each time it is asked, what tells by app who announces for it at this moment."""
    # Never old: a prefix that was bound just now is bound for the callback that is sent now, too.
    fresh = Pictures(node.database, node.sealer, patience=0, by_one_thread=True)

    def at_this_moment() -> Callable[[int], Sender]:
        picture = fresh.latest(now())

        def sender_of(app: int) -> Sender:
            bound = picture.callbacks.get(app, {})
            key = picture.signing.get(app)
            return Sender(key=key, prefixes=list(bound), private_hosts=private_hosts(bound))

        return sender_of

    return at_this_moment


def maker(node: Node, heart: Heart, ready: Callable[[], None]) -> Maker:
    """What makes exports; `ready` is called when one is."""
    shop = Workshop(
        database=node.database,
        home=node.home,
        settings=node.settings,
        now=heart.now,
        ready=ready,
        is_draining=lambda: heart.is_draining,
    )
    return Maker(shop)


def mover(node: Node, is_stopped: Callable[[], bool], progress: Callable[[int], None] = lambda _done: None) -> Mover:
    """What moves bytes between locations."""
    return Mover(
        database=node.database,
        locations=node.locations,
        now=now,
        grace=timedelta(seconds=node.settings.move_grace_seconds),
        url_grace=timedelta(seconds=node.settings.obs_url_seconds),
        is_stopped=is_stopped,
        progress=progress,
    )


def keeper(node: Node) -> Keeper:
    """What makes months ahead and lets old ones go."""
    rows = node.settings.keep_months
    stay = keeping.Terms(rows=rows, recordings=node.settings.keep_recording_months or rows)
    return Keeper(node.database, stay, now)


def gatherer(node: Node, heart: Heart) -> Gatherer:
    """What gathers the recordings that people take along."""
    desk = Desk(
        database=node.database,
        locations=node.locations,
        settings=node.settings,
        now=heart.now,
        is_draining=lambda: heart.is_draining,
        elsewhere=node.elsewhere.find,
    )
    return Gatherer(desk)
