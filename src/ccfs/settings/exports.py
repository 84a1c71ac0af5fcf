"""Settings of exports: the longest period, the CSV files, how long they are kept."""

from pydantic import Field

from ccfs.settings.group import SettingsGroup


class ExportSettings(SettingsGroup):
    """How exports are generated."""

    export_max_days: int = Field(default=3, ge=1, description="Longest period that an export may cover, in days.")
    export_retention_days: int = Field(default=7, ge=1, description="Retention of export files, in days.")
    export_rows_per_file: int = Field(
        default=500_000,
        ge=1,
        description="Maximum number of rows per CSV file of an export; further rows go to further numbered files.",
    )
    export_header: bool = Field(default=True, description="Whether CSV files begin with a row of column names.")
    export_bom: bool = Field(default=False, description="Whether CSV files begin with a UTF-8 byte order mark.")
    export_extra_call_columns: bool = Field(
        default=True, description="Whether call CSV files have five columns in addition to the manual's 21."
    )
    export_manifest: bool = Field(
        default=False, description="Whether exports contain a manifest.csv with row count and SHA-256 of each file."
    )
    export_max_attempts: int = Field(default=20, ge=1, description="Attempts after which an export fails permanently.")
