"""The channels of one call on a simulated FreeSWITCH: those that phones and trunks open, and those that the switch opens."""

from dataclasses import dataclass

from tests.field.scenarios.events import CallScript, Party
from tests.field.scenarios.freeswitch.channels import FsChannel, Profile, draw_uuid, set_originatee
from tests.field.scenarios.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitchManner:
    """How a switch is set up."""

    is_fusionpbx: bool = False  # contexts named by domains, call_direction, applications in Lua, agents named by UUIDs
    profile: str = "internal"  # SIP profile of the phones


class FreeSwitchChannels:
    """The channels of one call. `channel` is the caller's."""

    def __init__(self, world: World, manner: FreeSwitchManner, script: CallScript) -> None:
        self.world, self.manner, self.script = world, manner, script
        self.domain = world.plan.domain
        self.context = self.domain if manner.is_fusionpbx else "default"
        self.channels: list[FsChannel] = []
        self.channel = self._open_caller() if not script.is_originated else self._open_originated()

    def open_channel(self, direction: str, name: str, at: int, profile: Profile) -> FsChannel:
        channel = FsChannel(uuid=draw_uuid(self.world.random), direction=direction, name=name, created=at)
        channel.variables = {"direction": direction, "uuid": channel.uuid, "channel_name": name}
        channel.add_profile(profile, at)
        self.channels.append(channel)
        return channel

    def open_phone(self, phone: Party, destination: str, at: int) -> FsChannel:
        """A phone of the contact centre calls."""
        number = phone.number
        profile = Profile(
            caller_name=phone.name,
            caller_number=number,
            ani=number,
            username=number,
            destination=destination,
            context=self.context,
        )
        channel = self.open_channel("inbound", f"sofia/{self.manner.profile}/{number}@{self.domain}", at, profile)
        channel.variables |= {
            "user_name": number,
            "sip_auth_username": number,
            "sip_from_user": number,
            "call_uuid": channel.uuid,
            "sofia_profile_name": self.manner.profile,
            "domain_name": self.domain,
        }
        return channel

    def call_phone(self, caller: FsChannel, phone: Party, at: int, *, has_session: bool = True) -> FsChannel:
        """The switch calls a phone, or a number outside, for a channel; mod_callcenter does so without its session."""
        number, source = phone.number, caller.profile
        profile = Profile(
            caller_name=source.caller_name,
            caller_number=source.caller_number,
            callee_name="Outbound Call",
            callee_number=number,
            ani=source.ani,
            username=source.username,
            destination=number,
            context=source.context,
        )
        if phone.is_agent:
            name = f"sofia/{self.manner.profile}/{number}@192.0.2.{self.world.random.randrange(1, 255)}:5060"
            more = {"dialed_user": number, "dialed_domain": self.domain, "sofia_profile_name": self.manner.profile}
        else:
            name = f"sofia/external/{number}"
            more = {"sip_gateway_name": self.world.plan.trunk, "sofia_profile_name": "external"}
        channel = self.open_channel("outbound", name, at, profile)
        channel.variables |= more
        if has_session:
            self._note_originated(caller, channel, phone, number)
        return channel

    def _note_originated(self, caller: FsChannel, channel: FsChannel, phone: Party, number: str) -> None:
        channel.profile.originator = Profile(
            uuid=caller.uuid,
            channel_name=caller.name,
            caller_number=caller.profile.caller_number,
            ani=caller.profile.ani,
            destination=caller.profile.destination,
            context=caller.profile.context,
        )
        channel.variables |= {"originating_leg_uuid": caller.uuid, "call_uuid": channel.uuid}
        caller.arrays.setdefault("originated_legs", []).append(f"{channel.uuid};Outbound Call;{number}")
        set_originatee(caller, channel)
        if phone.is_agent:
            caller.variables |= {"dialed_user": number, "dialed_domain": self.domain}

    def _open_caller(self) -> FsChannel:
        script, caller = self.script, self.script.caller
        if caller.is_agent:
            return self.open_phone(caller, script.dialled, script.begin)
        profile = Profile(
            caller_name=caller.name or caller.number,
            caller_number=caller.number,
            ani=caller.number,
            destination=script.dialled,
            context="public",
        )
        channel = self.open_channel("inbound", f"sofia/external/{caller.number}@198.51.100.7", script.begin, profile)
        channel.variables |= {
            "sip_from_user": caller.number,
            "sofia_profile_name": "external",
            "call_uuid": channel.uuid,
            **({"call_direction": "inbound", "domain_name": self.domain} if self.manner.is_fusionpbx else {}),
        }
        return channel

    def _open_originated(self) -> FsChannel:
        """A program calls the phone of the caller, with the number that is to be called as its caller."""
        script, number = self.script, self.script.caller.number
        profile = Profile(
            caller_number=script.dialled,
            ani=script.dialled,
            callee_number=number,
            destination=number,
            context=self.context,
        )
        channel = self.open_channel(
            "outbound", f"sofia/{self.manner.profile}/{number}@192.0.2.9:5060", script.begin, profile
        )
        channel.variables |= {
            "dialed_user": number,
            "dialed_domain": self.domain,
            "domain_name": self.domain,
            "sofia_profile_name": self.manner.profile,
            "click_to_call": "true",
        }
        return channel
