"""Agents' numbers in the names of phones and members."""

import re

import pytest

from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN, AgentMatcher, parse_member


@pytest.mark.parametrize(
    ("pattern", "channel", "line_numbers", "agent"),
    [
        (AGENT_NUMBER_PATTERN, "PJSIP/201-WS-0000001a", (), "201"),
        (AGENT_NUMBER_PATTERN, "PJSIP/991001-0000001a", ("1001",), "1001"),
        (AGENT_NUMBER_PATTERN, "PJSIP/981001-0000001a", ("02079460123", "1001"), "1001"),
        (AGENT_NUMBER_PATTERN, "PJSIP/991001-0000001a", (), "991001"),
        (AGENT_NUMBER_PATTERN, "PJSIP/991001-0000001a", ("991001", "1001"), "991001"),
        (r"(\d{4})_north", "PJSIP/1001_north-0000001a", (), "1001"),
        (r"(?:7|8)?(1\d{3})", "SIP/81002-0000001a", (), "1002"),
        (r"(\d{4})(?:-\d)?", "PJSIP/1001-2-0000001a", (), "1001"),
        (r"\d{4}", "PJSIP/line-0000001a", ("1001",), ""),
    ],
)
def test_a_group_of_the_pattern_or_a_number_of_the_line_is_the_agent(
    pattern: str, channel: str, line_numbers: tuple[str, ...], agent: str
) -> None:
    assert AgentMatcher(pattern=re.compile(pattern, re.ASCII)).find_agent(channel, line_numbers) == agent


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("PJSIP/phone-01", "phone-01"),
        ("PJSIP/desk-a", "desk-a"),
        ("SIP/1001-2", "1001-2"),
        ("Local/1001-b@q/n", "1001-b"),
    ],
)
def test_a_members_interface_has_no_channel_number_to_strip(member: str, name: str) -> None:
    assert parse_member(member) == name
