"""Scenarios of calls from outside to a phone, a queue, a group or a menu."""

from tests.field.scenarios.events import CallScript, Party, Stop, Target
from tests.field.scenarios.play import Play
from tests.field.scenarios.world import World


def start_inbound(world: World, scenario: str) -> Play:
    """Return a call from outside to one of the contact centre's numbers."""
    return Play(world, scenario, world.draw_outside(), world.draw_own_number())


def start_direct(world: World, scenario: str, agent: Party) -> Play:
    """Return a call from outside that rings at the phone of an agent."""
    play = start_inbound(world, scenario)
    play.reach(Target.PHONE, agent.number)
    play.ring(agent)
    return play


def start_in_queue(world: World, scenario: str, queue: str = "") -> Play:
    """Return a call from outside that enters a queue."""
    play = start_inbound(world, scenario)
    play.reach(Target.QUEUE, queue or world.draw_queue())
    return play


def answer_in_queue(play: Play, agent: Party) -> CallScript:
    """An agent of the queue answers, and the call ends."""
    play.ring(agent)
    play.answer(agent)
    play.talk()
    return play.hang_up()


def simulate_direct(world: World, scenario: str) -> list[CallScript]:
    [agent] = world.draw_agents(1)
    play = start_direct(world, scenario, agent)
    play.answer(agent)
    play.talk()
    return [play.hang_up()]


def simulate_direct_no_answer(world: World, scenario: str) -> list[CallScript]:
    """The caller gives up while the phone rings."""
    play = start_direct(world, scenario, world.draw_agents(1)[0])
    play.wait(3, 14)
    play.stop(Stop.CALLER_GAVE_UP)
    return [play.hang_up(by_agent=False)]


def simulate_direct_busy(world: World, scenario: str) -> list[CallScript]:
    play = start_direct(world, scenario, world.draw_agents(1)[0])
    play.wait(0.1, 2)
    play.stop(world.random.choice((Stop.BUSY, Stop.REJECTED)))
    return [play.end_by_switch()]


def simulate_direct_unregistered(world: World, scenario: str) -> list[CallScript]:
    """The phone that is called is not there."""
    [agent] = world.draw_agents(1)
    play = start_inbound(world, scenario)
    play.reach(Target.PHONE, agent.number)
    play.ring(agent)
    play.stop(Stop.UNREGISTERED)
    return [play.end_by_switch()]


def simulate_direct_voicemail(world: World, scenario: str) -> list[CallScript]:
    """The phone rings in vain, and the caller leaves a message."""
    [agent] = world.draw_agents(1)
    play = start_direct(world, scenario, agent)
    play.wait(10, 15)
    play.stop(Stop.NO_ANSWER)
    play.reach(Target.VOICEMAIL, agent.number)
    play.wait(6, 30)
    return [play.hang_up(by_agent=False)]


def simulate_queue_first(world: World, scenario: str) -> list[CallScript]:
    return [answer_in_queue(start_in_queue(world, scenario), world.draw_agents(1)[0])]


def simulate_queue_second(world: World, scenario: str) -> list[CallScript]:
    """The first agent does not answer, the second does."""
    first, second = world.draw_agents(2)
    play = start_in_queue(world, scenario)
    play.ring_out(first)
    play.wait(1, 5)
    return [answer_in_queue(play, second)]


def simulate_queue_rejected(world: World, scenario: str) -> list[CallScript]:
    """The first agent rejects the call, the second answers."""
    first, second = world.draw_agents(2)
    play = start_in_queue(world, scenario)
    play.ring(first)
    play.wait(0.5, 4)
    play.stop(Stop.REJECTED)
    play.wait(0.1, 2)
    return [answer_in_queue(play, second)]


def simulate_queue_same_agent_again(world: World, scenario: str) -> list[CallScript]:
    """One agent does not answer, and answers when the phone rings again."""
    [agent] = world.draw_agents(1)
    play = start_in_queue(world, scenario)
    play.ring_out(agent)
    play.wait(1, 5)
    return [answer_in_queue(play, agent)]


def simulate_queue_ring_all(world: World, scenario: str) -> list[CallScript]:
    """Three phones of the queue ring at once, one answers."""
    phones = world.draw_agents(3)
    play = start_in_queue(world, scenario)
    play.ring(*phones)
    play.answer(world.random.choice(phones))
    play.talk()
    return [play.hang_up()]


def simulate_queue_abandoned(world: World, scenario: str) -> list[CallScript]:
    """The caller gives up before any phone rings."""
    play = start_in_queue(world, scenario)
    play.wait(3, 60)
    return [play.hang_up(by_agent=False)]


def simulate_queue_abandoned_ringing(world: World, scenario: str) -> list[CallScript]:
    """The caller gives up while the first phone rings."""
    play = start_in_queue(world, scenario)
    play.ring(world.draw_agents(1)[0])
    play.wait(4, 14)
    play.stop(Stop.CALLER_GAVE_UP)
    return [play.hang_up(by_agent=False)]


def simulate_queue_abandoned_second(world: World, scenario: str) -> list[CallScript]:
    """The caller gives up while the second phone rings."""
    first, second = world.draw_agents(2)
    play = start_in_queue(world, scenario)
    play.ring_out(first)
    play.wait(1, 5)
    play.ring(second)
    play.wait(4, 14)
    play.stop(Stop.CALLER_GAVE_UP)
    return [play.hang_up(by_agent=False)]


def simulate_queue_timeout(world: World, scenario: str) -> list[CallScript]:
    """Nobody answers in time, and the switch ends the call."""
    play = start_in_queue(world, scenario)
    play.ring_out(world.draw_agents(1)[0])
    play.wait(1, 5)
    play.leave_queue(is_timeout=True)
    return [play.end_by_switch()]


def simulate_queue_timeout_voicemail(world: World, scenario: str) -> list[CallScript]:
    """Nobody answers in time, and the caller leaves a message."""
    play = start_in_queue(world, scenario)
    play.wait(20, 40)
    play.leave_queue(is_timeout=True)
    play.reach(Target.VOICEMAIL, "600")
    play.wait(6, 30)
    return [play.hang_up(by_agent=False)]


def simulate_queue_empty(world: World, scenario: str) -> list[CallScript]:
    """No agent is on duty, and the switch ends the call."""
    play = start_in_queue(world, scenario)
    play.wait(0.1, 3)
    play.leave_queue(is_timeout=False)
    return [play.end_by_switch()]


def simulate_queue_overflow(world: World, scenario: str) -> list[CallScript]:
    """Nobody answers in time, and the call goes to another queue."""
    first, second = world.random.sample(world.queues, 2)
    agents = world.draw_agents(2)
    play = start_in_queue(world, scenario, first)
    play.ring_out(agents[0])
    play.leave_queue(is_timeout=True)
    play.reach(Target.QUEUE, second)
    return [answer_in_queue(play, agents[1])]


def simulate_menu_then_queue(world: World, scenario: str) -> list[CallScript]:
    play = start_inbound(world, scenario)
    play.reach(Target.MENU, world.menu)
    play.wait(2, 20)
    play.reach(Target.QUEUE, world.draw_queue())
    return [answer_in_queue(play, world.draw_agents(1)[0])]


def simulate_menu_hang_up(world: World, scenario: str) -> list[CallScript]:
    """The caller hangs up in the menu."""
    play = start_inbound(world, scenario)
    play.reach(Target.MENU, world.menu)
    play.wait(2, 20)
    return [play.hang_up(by_agent=False)]


def simulate_group(world: World, scenario: str) -> list[CallScript]:
    """Three phones of a group ring at once, one answers."""
    phones = world.draw_agents(3)
    play = start_inbound(world, scenario)
    play.reach(Target.GROUP, world.group)
    play.ring(*phones)
    play.answer(world.random.choice(phones))
    play.talk()
    return [play.hang_up()]


def simulate_group_nobody(world: World, scenario: str) -> list[CallScript]:
    play = start_inbound(world, scenario)
    play.reach(Target.GROUP, world.group)
    play.ring_out(*world.draw_agents(3))
    return [play.end_by_switch()]


def simulate_two_at_once(world: World, scenario: str) -> list[CallScript]:
    """Two calls from one number at the same time."""
    caller, agents = world.draw_outside(), world.draw_agents(2)
    scripts, begin = [], None
    for agent in agents:
        play = Play(world, scenario, caller, "442079460600", begin=begin)
        begin = play.script.begin + world.draw_seconds(0, 2)
        play.reach(Target.QUEUE, world.draw_queue())
        scripts.append(answer_in_queue(play, agent))
    return scripts


def simulate_callback(world: World, scenario: str) -> list[CallScript]:
    """A caller gives up in the queue, and an agent calls back."""
    play = start_in_queue(world, scenario)
    play.wait(5, 30)
    missed = play.hang_up(by_agent=False)
    [agent] = world.draw_agents(1)
    back = Play(world, scenario, agent, missed.caller.number, begin=missed.end + world.draw_seconds(20, 600))
    back.reach(Target.OUTSIDE, missed.caller.number)
    back.ring(Party(number=missed.caller.number))
    back.answer(Party(number=missed.caller.number))
    back.talk()
    return [missed, back.hang_up()]
