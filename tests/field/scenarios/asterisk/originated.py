"""A call that a program places on a simulated Asterisk: first the agent's phone rings, then the number outside."""

from tests.field.scenarios.asterisk.log import Channel
from tests.field.scenarios.asterisk.moves import MovingAsteriskCall
from tests.field.scenarios.events import Connect, HangUp, Party, Ring


class OriginatedAsteriskCall(MovingAsteriskCall):
    """Originate of a phone, or of a Local channel whose first half is then the calling channel."""

    phone_channel: Channel | None = None

    def ring(self, event: Ring, phones: list[Party]) -> None:
        if event.phone.number != self.script.caller.number:
            super().ring(event, phones)
            return
        if self.script.is_local_originate:
            number = event.phone.number
            self.channel.technology, self.channel.endpoint, self.channel.half = "Local", f"{number}@from-internal", 1
            second = self.open_channel("Local", f"{number}@from-internal", self.script.begin, half=2)
            self.channel.other_half, second.other_half = second, self.channel
            self.phone_channel = self.open_channel(self.manner.technology, number, event.at)

    def connect(self, event: Connect) -> None:
        if event.phone.number != self.script.caller.number:
            super().connect(event)
            return
        self.answered[self.channel] = event.at
        if self.phone_channel and self.channel.other_half:
            self.answered[self.channel.other_half] = event.at

    def hang_up(self, event: HangUp) -> None:
        if self.phone_channel and self.channel.other_half:
            number = self.script.caller.number
            line = self.open_line(self.channel.other_half, self.phone_channel, self.script.begin)
            line.src, line.dst, line.context, line.app = self.script.dialled, number, "from-internal", "Dial"
            line.data = f"{self.manner.technology}/{number},60,TtrI"
            self.close_line(line, event.at, "ANSWERED")
        super().hang_up(event)
