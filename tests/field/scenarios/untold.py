"""Facts that the files of a switch cannot tell, each with the reason. docs/ingest.md lists them."""

from tests.field.scenarios.compare import Fact


def is_told(switch: str, fact: Fact) -> bool:
    """Return whether the files of the switch tell the fact."""
    return bool(switch and fact)
