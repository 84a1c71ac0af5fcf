"""Settings of the console: sessions, listening, taking along, single sign-on."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ccfs.model.identity.oidc_claims import RoleRule, is_https_or_local, parse_role_rule
from ccfs.settings.comma_separated import CommaSeparated


class ConsoleSettings(BaseModel):
    """The console's part of all settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    console: bool = Field(default=True, description="Whether the console is served at `/console`.")
    session_idle_seconds: int = Field(
        default=3600, ge=60, description="How long a session of the console lasts while nobody uses it."
    )
    session_seconds: int = Field(default=43_200, ge=60, description="How long a session of the console lasts at most.")
    setup_link_seconds: int = Field(
        default=86_400, ge=60, description="How long a link that sets a password of the console is good."
    )
    transcode_workers: int = Field(
        default=4,
        ge=1,
        le=64,
        description="How many recordings a web process converts at a time to be heard, and as many to be downloaded.",
    )
    bulk_download_max_files: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Recordings that may be taken along as one zip."
    )
    bulk_download_max_gb: int = Field(
        default=50, ge=1, description="How large the recordings of one zip may be together, in GB."
    )
    bulk_download_retention_hours: int = Field(
        default=24, ge=1, description="How long such a zip can be fetched, in hours."
    )
    search_ms: int = Field(
        default=50,
        ge=0,
        description="Milliseconds after which a search of the console shows what it has found so far, and goes on when asked.",
    )
    search_csv_rows: int = Field(
        default=100_000, ge=1, description="Calls that the CSV of a search of the console has at most."
    )
    console_url: str = Field(
        default="", description="Where people reach the console: the server's address, as https://calls.example.com."
    )
    password_login: bool = Field(
        default=True, description="Whether people may sign in to the console by password; `ccfs user reset` always can."
    )
    oidc_issuer: str = Field(
        default="", description="Issuer of an OpenID Connect provider that people sign in with; empty: none."
    )
    oidc_client_id: str = Field(default="", description="What the provider calls this server.")
    oidc_client_secret: str = Field(
        default="", repr=False, description="The secret that it gave this server; empty: a public client, PKCE only."
    )
    oidc_scopes: CommaSeparated = Field(
        default=("openid", "profile", "email"), description="Scopes that are asked for, by comma or blank."
    )
    oidc_name: str = Field(default="single sign-on", description="What people call the provider: the button's text.")
    oidc_user_claim: str = Field(
        default="preferred_username",
        description="The ID token's claim that is somebody's name here, at the first sign-in; later its `sub` counts.",
    )
    oidc_roles_claim: str = Field(
        default="",
        description="The ID token's claim that gives roles at each sign-in; empty: people and roles are added here.",
    )
    oidc_roles: CommaSeparated = Field(
        default=(), description="What its values give: value=role, value=role@AK or value=role@AK/account, by comma."
    )
    oidc_ca_file: str = Field(
        default="",
        description="File of authorities, PEM, that the provider's certificate may be of; empty: the system's.",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Single sign-on needs all of its parts, and passwords may only go where it is."""
        if not self.oidc_issuer:
            if not self.password_login:
                raise ValueError("CCFS_PASSWORD_LOGIN=false needs CCFS_OIDC_ISSUER")
            return self
        for name, address in (("CCFS_OIDC_ISSUER", self.oidc_issuer), ("CCFS_CONSOLE_URL", self.console_url)):
            if not is_https_or_local(address):
                raise ValueError(f"{name} must be https://…, or http of this machine only")
        if not self.oidc_client_id or "openid" not in self.oidc_scopes:
            raise ValueError("CCFS_OIDC_ISSUER needs CCFS_OIDC_CLIENT_ID, and openid in CCFS_OIDC_SCOPES")
        if bool(self.oidc_roles_claim) != bool(self.oidc_roles):
            raise ValueError("CCFS_OIDC_ROLES_CLAIM and CCFS_OIDC_ROLES go together")
        if self.oidc_ca_file and not Path(self.oidc_ca_file).is_file():
            raise ValueError(f"CCFS_OIDC_CA_FILE: there is no file {self.oidc_ca_file}")
        _ = self.role_rules
        return self

    @property
    def role_rules(self) -> tuple[RoleRule, ...]:
        """`oidc_roles`, read."""
        return tuple(parse_role_rule(text) for text in self.oidc_roles)
