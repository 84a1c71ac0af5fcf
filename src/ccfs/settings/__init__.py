"""Settings: one table of name, default and sentence. Read from CCFS_<NAME>; unknown CCFS_ names are refused.

docs/settings.md repeats this table; a test holds the two against each other.
"""

import os
from collections.abc import Mapping

from pydantic import ValidationError

from ccfs.model.errors import OperatorError
from ccfs.settings.console import ConsoleSettings
from ccfs.settings.node import NodeSettings

PREFIX = "CCFS_"


class Settings(ConsoleSettings, NodeSettings):
    """All that an operator can set."""


def load_settings(environment: Mapping[str, str] = os.environ, **given: object) -> Settings:
    """The settings in the environment, and those given; raises Misuse that names the wrong or unknown one.

    An empty variable counts as absent, as compose files and systemd units leave them.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise OperatorError(f"unknown setting {', '.join(unknown)}; docs/settings.md lists all")
    found: dict[str, object] = {
        name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name in known and value
    }
    try:
        return Settings.model_validate(found | {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise OperatorError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None
