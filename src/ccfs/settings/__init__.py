"""Settings: one table of name, default and description. They are read from CCFS_<NAME>; unknown CCFS_ names are rejected.

docs/settings.md has the same table; a test compares the two.
"""

import os
from collections.abc import Mapping

from pydantic import ValidationError

from ccfs.model.errors import OperatorError
from ccfs.settings.api import ApiSettings
from ccfs.settings.app_limits import AppLimitSettings
from ccfs.settings.callbacks import CallbackSettings
from ccfs.settings.console import ConsoleSettings
from ccfs.settings.exports import ExportSettings
from ccfs.settings.http import HttpSettings
from ccfs.settings.ingest import IngestSettings
from ccfs.settings.lockout import LockoutSettings
from ccfs.settings.node import NodeSettings
from ccfs.settings.reports import ReportSettings
from ccfs.settings.retention import RetentionSettings
from ccfs.settings.storage import StorageSettings

PREFIX = "CCFS_"


class Settings(
    AppLimitSettings,
    HttpSettings,
    ConsoleSettings,
    IngestSettings,
    RetentionSettings,
    CallbackSettings,
    ExportSettings,
    LockoutSettings,
    ReportSettings,
    ApiSettings,
    StorageSettings,
    NodeSettings,
):
    """All settings."""


def load_settings(environment: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Return the settings of the environment and the overrides. Raise OperatorError that names the invalid or unknown one.

    An empty variable counts as absent: compose files and systemd units often set one.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise OperatorError(f"unknown setting {', '.join(unknown)}; docs/settings.md lists all settings")
    values: dict[str, object] = {
        name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name in known and value
    }
    try:
        return Settings.model_validate(values | {name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise OperatorError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None
