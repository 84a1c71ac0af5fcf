"""The base of all groups of settings."""

from pydantic import BaseModel, ConfigDict


class SettingsGroup(BaseModel):
    """Settings of one topic. They do not change while the program runs, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
