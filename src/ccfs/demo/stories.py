"""What comes of the demo's calls: one function per story, each told from the second at which the call comes in.

Where no agent is free, a story ends as it would: the caller gives up. How a step is written down is said in `caller`.
"""

from collections.abc import Callable

from ccfs.demo.caller import NO_ANSWER, TRUNK, Caller, Scene
from ccfs.demo.floor import SALES, SUPPORT
from ccfs.demo.journal import Cdr, Channel, Disposition, Recording
from ccfs.demo.people import Person
from ccfs.demo.tape import Talk

Story = Callable[[Scene, int], None]

_WRAP_UP = 8  # seconds that an agent needs after a call


def answered(scene: Scene, at: int) -> None:
    _is_helped(scene, _in_queue(scene, at))


def answered_by_the_second(scene: Scene, at: int) -> None:
    """One agent does not answer, another does."""
    caller = _in_queue(scene, at)
    absent = _nobody_answers(scene, caller)
    caller.waits(5)
    _is_helped(scene, caller, but=absent)


def abandoned(scene: Scene, at: int) -> None:
    """The caller hangs up, sometimes while a phone rings."""
    caller = _in_queue(scene, at)
    caller.waits(scene.random.randint(3, 20))
    seconds = scene.random.randint(3, NO_ANSWER - 2)
    rings = scene.random.random() < 0.5
    agent = scene.floor.take(caller.now, caller.now + seconds, queue=caller.queue.name) if rings else None
    if agent:
        caller.gives_up_while_ringing(agent, seconds)
    else:
        caller.gives_up()


def timed_out(scene: Scene, at: int) -> None:
    """Nobody answers in time: the caller leaves a message."""
    caller = _in_queue(scene, at)
    _nobody_answers(scene, caller)
    caller.waits_until_timeout()
    caller.leaves_message(caller.queue.extension, scene.random.randint(12, 40))


def turned_away(scene: Scene, at: int) -> None:
    """Not even a phone rings in time, and the switch hangs up."""
    caller = _in_queue(scene, at)
    caller.waits_until_timeout()
    caller.leaves_unheard()


def second_hop(scene: Scene, at: int) -> None:
    """Nobody in sales answers in time: support does."""
    caller = _in_queue(scene, at, SALES)
    absent = _nobody_answers(scene, caller)
    caller.waits_until_timeout()
    caller.enters(SUPPORT)
    caller.waits(2)
    _is_helped(scene, caller, but=absent)


def sent_on(scene: Scene, at: int) -> None:
    """A blind transfer to a colleague."""
    caller = _in_queue(scene, at)
    ring, pick_up, first, second = scene.random.randint(2, 9), 4, scene.tape.talk(), scene.tape.talk()
    sent = caller.now + ring + first.seconds
    agent = scene.floor.take(caller.now, sent + _WRAP_UP, queue=caller.queue.name)
    colleague = scene.floor.take(sent, sent + pick_up + second.seconds + _WRAP_UP) if agent else None
    if not agent or not colleague:
        return caller.gives_up()
    caller.talks(agent, ring, first, sent_to=colleague)
    caller.dst, caller.context = colleague, "from-internal"
    rung = scene.journal.channel(colleague, caller.now)
    caller.waits(pick_up + second.seconds)
    recording = _direct_recording(scene, second, colleague, caller)
    dial = f"PJSIP/{colleague},20,tr"
    caller.line("Dial", dial, sent, "ANSWERED", rung=rung, answer=sent + pick_up, recording=recording)


def asked_and_handed_over(scene: Scene, at: int) -> None:
    """An attended transfer of a call to an agent's own number: the agent asks a colleague first. A call of three lines,
    the question being a call of its own."""
    caller = _to_somebody(scene, at)
    ring, talk, asking, second = 5, scene.random.randint(12, 60), scene.random.randint(10, 20), scene.tape.talk()
    handed = at + ring + talk + asking
    agent = scene.floor.take(at, handed + _WRAP_UP)
    colleague = scene.floor.take(handed - asking, handed + second.seconds + _WRAP_UP) if agent else None
    if not agent or not colleague:
        return caller.leaves_message("1001", 20)
    caller.dst, caller.up = agent, at + ring
    rung = scene.journal.channel(agent, at)
    caller.waits(handed - at)
    dial = f"PJSIP/{agent},30,tT"
    caller.line("Dial", dial, at, "ANSWERED", rung=rung)
    asked = _ask(scene, agent, colleague, handed - asking, 3, handed)
    caller.waits(second.seconds)
    recording = _direct_recording(scene, second, colleague, caller)
    caller.line("Dial", dial, handed, "ANSWERED", rung=asked, recording=recording)


def to_a_mailbox(scene: Scene, at: int) -> None:
    """A call to an agent's own number that the mailbox takes."""
    caller = _to_somebody(scene, at)
    agent = scene.floor.take(at, at + 20)
    if agent:
        caller.dst = agent
        rung = scene.journal.channel(agent, at)
        caller.waits(20)
        caller.line("Dial", f"PJSIP/{agent},20,tT", at, "NO ANSWER", rung=rung)
    caller.leaves_message(agent or "1001", scene.random.randint(10, 40))


def menu_only(scene: Scene, at: int) -> None:
    caller = _to_somebody(scene, at)
    caller.dst, caller.context = scene.cast.main_number, "main-menu"
    caller.hears_menu(scene.random.randint(5, 30))
    caller.line("BackGround", "main-menu", at, "ANSWERED")


def called_out(scene: Scene, at: int) -> None:
    """An agent calls a customer."""
    _out(scene, at, scene.random.randint(4, 15), "ANSWERED")


def called_out_in_vain(scene: Scene, at: int) -> None:
    busy = scene.random.random() < 0.5
    _out(scene, at, 3 if busy else 30, "BUSY" if busy else "NO ANSWER")


def among_colleagues(scene: Scene, at: int) -> None:
    """One agent calls another."""
    talk, ring = scene.random.randint(15, 90), 4
    asking = scene.floor.take(at, at + ring + talk)
    asked = scene.floor.take(at, at + ring + talk)
    if not asking or not asked:
        return menu_only(scene, at)
    _ask(scene, asking, asked, at, ring, at + ring + talk)


# One of each first, so that a short day has every kind.
DECK: tuple[Story, ...] = (
    *(answered, answered_by_the_second, called_out, abandoned, sent_on, timed_out, second_hop, turned_away),
    *(menu_only, among_colleagues, asked_and_handed_over, to_a_mailbox, called_out_in_vain),
    *(answered, called_out, answered_by_the_second, abandoned, answered, sent_on, answered, called_out) * 2,
    *(answered, answered, answered_by_the_second, answered, called_out) * 2,
    abandoned,
)


def _in_queue(scene: Scene, at: int, name: str = "") -> Caller:
    """Somebody who has come into a queue, to sales by way of the menu."""
    name = name or scene.random.choice((SUPPORT, SUPPORT, SALES))
    caller = _to_somebody(scene, at)
    if name == SALES:
        caller.hears_menu(scene.random.randint(5, 12))
    caller.enters(name)
    caller.waits(scene.random.randint(1, 9))
    return caller


def _to_somebody(scene: Scene, at: int) -> Caller:
    channel = scene.journal.channel(TRUNK, at)
    person = scene.cast.customer(scene.random)
    return Caller(scene=scene, person=person, channel=channel, now=at, dst="1001", context="from-trunk")


def _is_helped(scene: Scene, caller: Caller, *, but: str = "") -> None:
    ring, talk = scene.random.randint(2, 9), scene.tape.talk()
    agent = scene.floor.take(
        caller.now, caller.now + ring + talk.seconds + _WRAP_UP, queue=caller.queue.name, but=(but,)
    )
    if agent:
        caller.talks(agent, ring, talk)
    else:
        caller.waits(20)
        caller.gives_up()


def _nobody_answers(scene: Scene, caller: Caller) -> str:
    """Rings an agent of the queue in vain; returns whom."""
    agent = scene.floor.take(caller.now, caller.now + NO_ANSWER, queue=caller.queue.name)
    if agent:
        caller.rings_in_vain(agent)
    return agent or ""


def _direct_recording(scene: Scene, talk: Talk, agent: str, caller: Caller) -> Recording | None:
    """Another of this call's talks may be recorded too, so that the line must say which file is whose."""
    return scene.tape.recording(talk, f"exten-{agent}-{caller.person.number}", named=True)


def _ask(scene: Scene, agent: str, colleague: str, start: int, ring: int, end: int) -> Channel:
    """An internal call; returns the colleague's channel."""
    dialled = scene.cast.agent(colleague)
    return _dials(scene, agent, dialled, colleague, start=start, answer=start + ring, end=end)


def _out(scene: Scene, at: int, ring: int, disposition: Disposition) -> None:
    """An agent dials a customer, who answers after `ring` seconds, or does not in that time."""
    customer, talk = scene.cast.customer(scene.random), scene.tape.talk()
    answer = at + ring if disposition == "ANSWERED" else None
    end = at + ring + (talk.seconds if answer else 0)
    agent = scene.floor.take(at, end + _WRAP_UP)
    if not agent:
        return menu_only(scene, at)
    recording = scene.tape.recording(talk, f"out-{customer.number}-{agent}") if answer else None
    _dials(
        scene, agent, customer, TRUNK, start=at, answer=answer, end=end, disposition=disposition, recording=recording
    )


def _dials(
    scene: Scene,
    agent: str,
    callee: Person,
    endpoint: str,
    *,
    start: int,
    answer: int | None,
    end: int,
    disposition: Disposition = "ANSWERED",
    recording: Recording | None = None,
) -> Channel:
    """An agent's call to an endpoint; returns the channel called."""
    channel, rung = scene.journal.channel(agent, start), scene.journal.channel(endpoint, start)
    outside = endpoint == TRUNK
    scene.journal.cdrs.append(
        Cdr(
            channel=channel,
            other=rung,
            src=agent,
            name=scene.cast.agent(agent).name,
            dst=callee.number,
            context="from-internal",
            app="Dial",
            data=f"PJSIP/{callee.number}@{TRUNK},60,T" if outside else f"PJSIP/{callee.number},20,tr",
            start=start,
            answer=answer,
            end=end,
            disposition=disposition,
            recording=recording,
        )
    )
    return rung
