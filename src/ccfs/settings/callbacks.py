"""Settings of callbacks: retries, the Host header, certificates."""

from typing import Literal

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class CallbackSettings(SettingsGroup):
    """How callbacks are delivered."""

    callback_retry_seconds: float = Field(
        default=600, gt=0, description="Delay between a failed callback and the next attempt."
    )
    callback_max_attempts: int = Field(
        default=144, ge=1, description="Attempts after which a callback is dead and no longer retried."
    )
    callback_backoff: Literal["fixed", "exponential"] = Field(
        default="fixed",
        description="Delay between attempts: fixed, as in CC-FS, or exponential: doubled each time with jitter, at most a day.",
    )
    callback_host_with_port: bool = Field(
        default=True,
        description="Whether the Host header of callbacks contains the URL's port; in CC-FS's sample it does not.",
    )
    ssl_trust_all: bool = Field(
        default=False, description="Whether callbacks skip certificate verification. Dangerous."
    )
