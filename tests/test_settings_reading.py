"""Reading settings: CCFS_ variables override the defaults; unknown and invalid settings are rejected by name."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ccfs import settings
from ccfs.model.errors import OperatorError
from ccfs.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(settings.PREFIX + name.upper(), raising=False)


def test_settings_without_variables_have_their_defaults() -> None:
    defaults = settings.load_settings()
    assert defaults == Settings.model_construct()
    assert (defaults.clock_skew_seconds, defaults.upload_limit_mb, defaults.play_token_seconds) == (900, 5, 1800)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data", "/srv/ccfs", Path("/srv/ccfs")),
        ("database_url", "postgresql://ccfs@db.example/ccfs", "postgresql://ccfs@db.example/ccfs"),
        ("language", "zh", "zh"),
        ("workers", "4", 4),
        ("clock_skew_seconds", "0", 0),
        ("settle_seconds", "0.5", 0.5),
        ("log_requests", "false", False),
        ("host_aliases", "a.example, b.example:8480", ("a.example", "b.example:8480")),
        ("host_aliases", "", ()),
        ("node_keys", "one two,three", ("one", "two", "three")),
        ("trusted_proxies", "10.0.0.0/8, 192.0.2.1", (ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32"))),
        ("trusted_proxies", "2001:db8::/32", (ip_network("2001:db8::/32"),)),
    ],
)
def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    monkeypatch.setenv(settings.PREFIX + name.upper(), text)
    assert getattr(settings.load_settings(), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "two"),
        ("WORKERS", "65"),
        ("LANGUAGE", "de"),
        ("CLOCK_SKEW_SECONDS", "-1"),
        ("LOCK_SECONDS", "0"),
        ("UPLOAD_LIMIT_MB", "5.5"),
        ("PLAY_TOKEN_SECONDS", "1e3x"),
        ("WATCH_SECONDS", "0"),
        ("SETTLE_SECONDS", "soon"),
        ("FILE_HASH", "SHA256"),
        ("LOG_REQUESTS", "perhaps"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/8 localhost"),
    ],
)
def test_an_invalid_setting_is_rejected_by_name(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"CCFS_{name}", text)
    with pytest.raises(OperatorError, match=f"^CCFS_{name}: ."):
        settings.load_settings()


def test_the_error_of_an_invalid_setting_contains_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Fernet.generate_key().decode()
    monkeypatch.setenv("CCFS_NODE_KEYS", secret)
    monkeypatch.setenv("CCFS_WORKERS", "two")
    with pytest.raises(OperatorError, match="CCFS_WORKERS") as caught:
        settings.load_settings()
    assert secret not in str(caught.value)


@pytest.mark.parametrize("name", ["CCFS_", "CCFS_WORKER", "CCFS_DATABASEURL", "CCFS_workers"])
def test_an_unknown_setting_is_rejected_with_the_page_that_lists_all(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(OperatorError, match=rf"unknown setting {name}; docs/settings\.md"):
        settings.load_settings()


def test_all_unknown_settings_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCFS_TWO", "2")
    monkeypatch.setenv("CCFS_ONE", "1")
    with pytest.raises(OperatorError, match="CCFS_ONE, CCFS_TWO;"):
        settings.load_settings()


def test_an_override_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCFS_WORKERS", "4")
    assert settings.load_settings(workers=2).workers == 2
    assert settings.load_settings(workers=None).workers == 4


def test_the_default_database_is_in_the_data_folder(tmp_path: Path) -> None:
    assert settings.load_settings(data=tmp_path).effective_database_url == f"sqlite:///{tmp_path / 'ccfs.db'}"
    assert (
        settings.load_settings(data=Path("here")).effective_database_url
        == f"sqlite:///{Path.cwd() / 'here' / 'ccfs.db'}"
    )
    assert (
        settings.load_settings(database_url="postgresql://ccfs@db.example/ccfs").effective_database_url
        == "postgresql://ccfs@db.example/ccfs"
    )


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCFS_WORKERS", "")
    monkeypatch.setenv("CCFS_DATA", "")
    assert settings.load_settings() == Settings()


def test_secrets_do_not_show_in_the_settings_repr() -> None:
    text = repr(Settings(node_keys=("a-node-key",), database_url="postgresql://u:hidden-word@h/d"))
    assert "a-node-key" not in text
    assert "hidden-word" not in text
