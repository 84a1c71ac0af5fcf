"""Scenarios of calls from outside that go from one person to another: transfer, pick-up, parking, conference, forwarding."""

from tests.field.scenarios.events import CallScript, Party, Target
from tests.field.scenarios.inbound import start_direct, start_in_queue, start_inbound
from tests.field.scenarios.play import Play
from tests.field.scenarios.world import World


def _start_talk(world: World, scenario: str, agent: Party, *, in_queue: bool) -> Play:
    """Return a call from outside to an agent, who has talked for some time."""
    if in_queue:
        play = start_in_queue(world, scenario)
        play.ring(agent)
    else:
        play = start_direct(world, scenario, agent)
    play.answer(agent)
    play.talk()
    return play


def _talk_on(play: Play, colleague: Party) -> CallScript:
    """A colleague's phone rings and is answered, and the call ends."""
    play.ring(colleague)
    play.answer(colleague)
    play.talk()
    return play.hang_up()


def simulate_blind_transfer(world: World, scenario: str) -> list[CallScript]:
    """The agent of a direct call transfers it blindly to a colleague."""
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=False)
    play.transfer_blind(agent, colleague.number)
    return [_talk_on(play, colleague)]


def simulate_queue_blind_transfer(world: World, scenario: str) -> list[CallScript]:
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=True)
    play.transfer_blind(agent, colleague.number)
    return [_talk_on(play, colleague)]


def simulate_transfer_outside(world: World, scenario: str) -> list[CallScript]:
    """The agent of a queue transfers the caller to a number outside."""
    [agent], outside = world.draw_agents(1), world.draw_outside()
    play = _start_talk(world, scenario, agent, in_queue=True)
    play.transfer_blind(agent, outside.number)
    return [_talk_on(play, outside)]


def simulate_transfer_to_queue(world: World, scenario: str) -> list[CallScript]:
    """The agent of a queue transfers the caller into another queue."""
    agent, colleague = world.draw_agents(2)
    first, second = world.random.sample(world.queues, 2)
    play = start_in_queue(world, scenario, first)
    play.ring(agent)
    play.answer(agent)
    play.talk()
    play.transfer_blind(agent, second)
    play.reach(Target.QUEUE, second)
    return [_talk_on(play, colleague)]


def simulate_attended_transfer(world: World, scenario: str) -> list[CallScript]:
    """The agent of a direct call asks a colleague on a second line, and hands over."""
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=False)
    play.consult(agent, colleague, by_feature_code=False)
    play.talk()
    return [play.hang_up()]


def simulate_queue_attended_transfer(world: World, scenario: str) -> list[CallScript]:
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=True)
    play.consult(agent, colleague, by_feature_code=False)
    play.talk()
    return [play.hang_up()]


def simulate_feature_code_transfer(world: World, scenario: str) -> list[CallScript]:
    """The agent of a direct call asks a colleague by a feature code (*2), and hands over."""
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=False)
    play.consult(agent, colleague, by_feature_code=True)
    play.talk()
    return [play.hang_up()]


def simulate_pick_up(world: World, scenario: str) -> list[CallScript]:
    """A colleague takes a call that rings at an agent's phone."""
    agent, colleague = world.draw_agents(2)
    play = start_direct(world, scenario, agent)
    play.pick_up(colleague)
    play.talk()
    return [play.hang_up()]


def simulate_queue_pick_up(world: World, scenario: str) -> list[CallScript]:
    agent, colleague = world.draw_agents(2)
    play = start_in_queue(world, scenario)
    play.ring(agent)
    play.pick_up(colleague)
    play.talk()
    return [play.hang_up()]


def simulate_parking(world: World, scenario: str) -> list[CallScript]:
    """An agent parks the caller, a colleague fetches the caller."""
    agent, colleague = world.draw_agents(2)
    play = _start_talk(world, scenario, agent, in_queue=False)
    play.park(agent, colleague)
    play.talk()
    return [play.hang_up(by_agent=False)]


def simulate_conference(world: World, scenario: str) -> list[CallScript]:
    """The caller and two agents talk in a conference."""
    first, second = world.draw_agents(2)
    play = start_inbound(world, scenario)
    play.script.is_recorded = False
    play.reach(Target.CONFERENCE, world.draw_room())
    for agent in (first, second):
        play.wait(1.5, 6)
        play.join(agent)
    play.talk()
    return [play.hang_up(by_agent=False)]


def simulate_follow_me(world: World, scenario: str) -> list[CallScript]:
    """The phone of an agent forwards its calls to a mobile number, which answers."""
    [agent], mobile = world.draw_agents(1), world.draw_outside(may_be_short=False)
    play = start_inbound(world, scenario)
    play.reach(Target.PHONE, agent.number)
    play.reach(Target.OUTSIDE, mobile.number)
    play.ring(mobile)
    play.answer(mobile)
    play.talk()
    return [play.hang_up()]
