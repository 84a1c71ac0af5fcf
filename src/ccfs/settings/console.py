"""Settings of the console: sessions, playback, bulk downloads, search, single sign-on."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ccfs.model.identity.oidc_claims import RoleRule, is_https_or_local, parse_role_rule
from ccfs.model.identity.user import Role
from ccfs.settings.comma_separated import CommaSeparated
from ccfs.settings.group import SettingsGroup


class ConsoleSettings(SettingsGroup):
    """Settings of the console."""

    console: bool = Field(default=True, description="Whether the console is served at `/console`.")
    session_idle_seconds: int = Field(default=3600, ge=60, description="Idle timeout of a console session.")
    session_seconds: int = Field(default=43_200, ge=60, description="Maximum lifetime of a console session.")
    setup_link_seconds: int = Field(
        default=86_400, ge=60, description="Lifetime of a link that sets a console password."
    )
    transcode_workers: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Maximum number of recordings that a web process converts at once for playback; the same number applies to downloads.",
    )
    bulk_download_max_files: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Maximum number of recordings of a bulk download."
    )
    bulk_download_max_gb: int = Field(
        default=50, ge=1, description="Maximum total size of the recordings of a bulk download, in GB."
    )
    bulk_download_retention_hours: int = Field(default=24, ge=1, description="Retention of bulk downloads, in hours.")
    guest_links: bool = Field(
        default=False,
        description="Whether users can create guest links, with which anyone can play a recording without signing in; accounts also have a switch.",
    )
    guest_link_max_days: int = Field(
        default=30,
        ge=1,
        le=366,
        description="Maximum lifetime of a guest link, in days; it also applies to existing links.",
    )
    speech_analysis: bool = Field(
        default=True, description="Whether recordings are analysed in the background for silence and talk-over."
    )
    speech_analysis_cpu_percent: int = Field(
        default=25,
        ge=1,
        le=100,
        description="Maximum share of one processor core for the analysis of recordings, in percent.",
    )
    search_ms: int = Field(
        default=50,
        ge=0,
        description="Time limit of a console search in milliseconds; it then shows the calls found and can be continued.",
    )
    search_csv_rows: int = Field(
        default=100_000, ge=1, description="Maximum number of calls in the CSV file of a console search."
    )
    console_url: str = Field(
        default="", description="URL of this server for users of the console, e.g. https://calls.example.com."
    )
    password_login: bool = Field(
        default=True,
        description="Whether users can log in to the console by password; links of `ccfs user reset` always work.",
    )
    second_factor_roles: CommaSeparated = Field(
        default=(),
        description="Roles whose users must set up two-factor authentication if they sign in by password, separated by commas or blanks.",
    )
    oidc_issuer: str = Field(
        default="", description="Issuer of the OpenID Connect provider for console logins; empty: none."
    )
    oidc_client_id: str = Field(default="", description="Client ID of this server at the provider.")
    oidc_client_secret: str = Field(
        default="",
        repr=False,
        description="Client secret of this server at the provider; empty: a public client with PKCE only.",
    )
    oidc_scopes: CommaSeparated = Field(
        default=("openid", "profile", "email"),
        description="Scopes that a login requests, separated by commas or blanks.",
    )
    oidc_name: str = Field(default="single sign-on", description="Name of the provider on the login button.")
    oidc_user_claim: str = Field(
        default="preferred_username",
        description="ID token claim with the user name for the first login; later logins are matched by `sub`.",
    )
    oidc_roles_claim: str = Field(
        default="",
        description="Claim of the ID token that assigns roles at each login; empty: roles are assigned in ccfs.",
    )
    oidc_roles: CommaSeparated = Field(
        default=(),
        description="Roles by value of that claim: value=role, value=role@AK or value=role@AK/account, separated by commas.",
    )
    oidc_ca_file: str = Field(
        default="",
        description="PEM file of certificate authorities for the provider; empty: the system's.",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Single sign-on needs all of its settings, and disabling passwords needs single sign-on."""
        if unknown := sorted(set(self.second_factor_roles) - set(Role)):
            raise ValueError(f"CCFS_SECOND_FACTOR_ROLES: {unknown[0]} is not a role")
        if not self.oidc_issuer:
            if not self.password_login:
                raise ValueError("CCFS_PASSWORD_LOGIN=false requires CCFS_OIDC_ISSUER")
            return self
        for name, address in (("CCFS_OIDC_ISSUER", self.oidc_issuer), ("CCFS_CONSOLE_URL", self.console_url)):
            if not is_https_or_local(address):
                raise ValueError(f"{name} must be https://…, or http://… of this machine")
        if not self.oidc_client_id or "openid" not in self.oidc_scopes:
            raise ValueError("CCFS_OIDC_ISSUER requires CCFS_OIDC_CLIENT_ID, and openid in CCFS_OIDC_SCOPES")
        if bool(self.oidc_roles_claim) != bool(self.oidc_roles):
            raise ValueError("CCFS_OIDC_ROLES_CLAIM and CCFS_OIDC_ROLES require each other")
        if self.oidc_ca_file and not Path(self.oidc_ca_file).is_file():
            raise ValueError(f"CCFS_OIDC_CA_FILE: file not found: {self.oidc_ca_file}")
        _ = self.role_rules
        return self

    @property
    def role_rules(self) -> tuple[RoleRule, ...]:
        """`oidc_roles` as rules."""
        return tuple(parse_role_rule(text) for text in self.oidc_roles)
