"""ccfs app, account, callback and trust as processes, with the output on which scripts rely."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction, AuditQuery
from ccfs.server.node import Node, utc_now
from ccfs.settings import load_settings
from tests.cli.command import ROOT, run_ccfs

AK, SK = "AK-acme", "sk-of-acme-0123456789"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the app Acme, whose account 100 has VDN 8."""
    folder = tmp_path_factory.mktemp("tenancy") / "data"
    done = run_ccfs("app", "add", "Acme", "--ak", AK, "--sk", SK, "--data", folder, "--json")
    assert done.json == {"ak": AK, "sk": SK}
    account = ("account", "add", "--app", AK, "--account", "100", "--vdn", "8", "--cc", "2", "--zone", "Europe/London")
    assert run_ccfs(*account, "--data", folder, "--json").json == {
        "app": AK,
        "account": "100",
        "vdn": 8,
        "cc": 2,
        "zone": "Europe/London",
    }
    return folder


def create_certificate(ends: datetime) -> x509.Certificate:
    """A self-signed certificate of a callback receiver."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    begins = ends - timedelta(days=90)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begins, ends)
    return builder.sign(key, hashes.SHA256())


def test_the_program_starts_without_a_database(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from ccfs.cli import main; main()",
        "app",
        "list",
        "--json",
        "--data",
        str(tmp_path),
    ]
    environment = {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.check_output(command, env=environment, text=True) == '{"apps": []}\n'


def test_an_app_is_created_with_generated_keys_and_the_data_option_may_come_first(tmp_path: Path) -> None:
    created = run_ccfs("--data", tmp_path / "data", "app", "add", "Bolt", "--json").json
    assert list(created) == ["ak", "sk"]
    assert len(created["sk"]) >= 43  # 256 bits
    listed = run_ccfs("app", "list", "--json", settings={"CCFS_DATA": str(tmp_path / "data")})
    (bolt,) = listed.json["apps"]
    assert (bolt["ak"], bolt["name"], bolt["accounts"]) == (created["ak"], "Bolt", [])
    assert [key["ak"] for key in bolt["keys"]] == [created["ak"]]
    assert created["sk"] not in listed.out + listed.err


def test_the_data_option_wins_over_the_setting_and_may_be_relative(tmp_path: Path) -> None:
    elsewhere = {"CCFS_DATA": str(tmp_path / "elsewhere")}
    assert run_ccfs("app", "list", "--data", "here", settings=elsewhere, folder=tmp_path).code == 0
    assert run_ccfs("--data", "there", "app", "list", settings=elsewhere, folder=tmp_path).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]


def test_the_secret_of_an_app_is_printed_once_with_a_note(tmp_path: Path) -> None:
    done = run_ccfs("app", "add", "Acme", "--ak", AK, "--sk", SK, "--data", tmp_path)
    assert done.code == 0
    assert done.out.splitlines()[:2] == [f"AK {AK}", f"SK {SK}"]
    assert "not shown again" in done.out


def test_another_vdn_is_added_to_the_account_and_keeps_its_zone(data_folder: Path) -> None:
    more = ("account", "add", "--app", AK, "--account", "100", "--vdn", "9", "--data", data_folder, "--json")
    assert run_ccfs(*more).json["zone"] == "Europe/London"
    fresh = ("account", "add", "--app", AK, "--account", "200", "--vdn", "10", "--data", data_folder, "--json")
    assert run_ccfs(*fresh).json["zone"] == "Asia/Shanghai"
    assert run_ccfs("account", "list", "--app", AK, "--data", data_folder, "--json").json == {
        "accounts": [
            {"account": "100", "vdn": 8, "cc": 2, "zone": "Europe/London"},
            {"account": "100", "vdn": 9, "cc": 1, "zone": "Europe/London"},
            {"account": "200", "vdn": 10, "cc": 1, "zone": "Asia/Shanghai"},
        ]
    }


def test_keys_of_an_app_are_added_revoked_and_reencrypted(data_folder: Path) -> None:
    assert run_ccfs("app", "key", "add", "--app", AK, "--sk", "the-second", "--data", data_folder, "--json").json == {
        "ak": AK,
        "sk": "the-second",
    }
    (first, second) = run_ccfs("app", "key", "list", "--app", AK, "--data", data_folder, "--json").json["keys"]
    assert run_ccfs("app", "key", "revoke", "--app", AK, first["id"], "--data", data_folder, "--json").json == {
        "revoked": first["id"]
    }
    assert run_ccfs("app", "key", "list", "--app", AK, "--data", data_folder, "--json").json == {"keys": [second]}
    again = run_ccfs("app", "key", "revoke", "--app", AK, first["id"], "--data", data_folder, "--json")
    assert (again.code, again.out) == (1, "")
    assert run_ccfs("app", "key", "reencrypt", "--data", data_folder, "--json").json == {"reencrypted": 1}


def test_callback_prefixes_are_bound_and_unbound(data_folder: Path) -> None:
    prefix = "http://192.0.2.7:8080/cb/"
    assert run_ccfs("callback", "bind", "--app", AK, prefix, "--data", data_folder, "--json").json == {
        "app": AK,
        "prefix": prefix,
        "private": False,
    }
    assert run_ccfs("callback", "list", "--app", AK, "--data", data_folder, "--json").json == {
        "prefixes": [prefix],
        "private": [],
    }
    assert (
        run_ccfs("callback", "unbind", "--app", AK, prefix, "--data", data_folder, "--json").json["unbound"] == prefix
    )
    assert run_ccfs("callback", "list", "--app", AK, "--data", data_folder).out.strip() == ""


def test_certificates_are_trusted_listed_and_removed(data_folder: Path, tmp_path: Path) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    certificate = create_certificate(ends)
    for name, encoding in (("pem", Encoding.PEM), ("der", Encoding.DER)):
        (tmp_path / name).write_bytes(certificate.public_bytes(encoding))
    described = {
        "subject": "CN=receiver.example",
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "notAfter": ends.isoformat(),
    }
    for name in ("pem", "der"):
        added = run_ccfs("trust", "add", name, tmp_path / name, "--data", data_folder, "--json")
        assert added.json == {"name": name, **described}
    assert run_ccfs("trust", "remove", "pem", "--data", data_folder, "--json").json == {"removed": "pem"}
    assert run_ccfs("trust", "list", "--data", data_folder, "--json").json == {
        "certificates": [{"name": "der", **described}]
    }


def test_an_invalid_certificate_is_rejected_with_the_reason(data_folder: Path, tmp_path: Path) -> None:
    files = {
        "letter": b"Dear Sir or Madam",
        "large": bytes((512 << 10) + 1),
        "expired": create_certificate(datetime.now(UTC) - timedelta(days=1)).public_bytes(Encoding.PEM),
    }
    reasons = {"letter": "not a certificate in PEM or DER", "large": "larger than 512 KB", "expired": "expired on"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        done = run_ccfs("trust", "add", name, tmp_path / name, "--data", data_folder)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("ccfs: ")
        assert reasons[name] in done.err


def test_a_failed_command_exits_with_1_and_prints_one_line_on_stderr(data_folder: Path) -> None:
    cases: dict[tuple[object, ...], str] = {
        ("app", "add", "Again", "--ak", AK): f"ccfs: the AK {AK} is taken\n",
        ("app", "add", "ACME"): "ccfs: the name ACME is taken by another app\n",
        (
            "callback",
            "bind",
            "--app",
            "AK-none",
            "https://a.example/",
        ): "ccfs: there is no app AK-none; `ccfs app list` shows all\n",
        ("account", "add", "--app", AK, "--account", "300", "--vdn", "8"): "ccfs: VDN 8 belongs to account 100\n",
        ("trust", "remove", "none"): "ccfs: there is no certificate none\n",
    }
    for case, text in cases.items():
        done = run_ccfs(*case, "--data", data_folder, "--json")
        assert (done.code, done.out, done.err) == (1, "", text)


def test_wrong_usage_exits_with_2_and_prints_the_reason(data_folder: Path) -> None:
    account = ("account", "add", "--app", AK, "--account", "100")
    cases: dict[tuple[object, ...], str] = {
        ("apps", "list"): "No such command",
        ("app", "list", "--all"): "No such option",
        (*account,): "Missing option '--vdn'",
        (*account, "--vdn", "eight"): "should be a valid integer",
        (*account, "--vdn", str(2**31)): "--vdn",
        (*account, "--vdn", "8", "--zone", "Mars/Olympus"): "Mars/Olympus is not an IANA time zone",
        ("account", "add", "--app", AK, "--account", "1/2", "--vdn", "8"): "an account id has",
        ("callback", "bind", "--app", AK, "ftp://a.example/"): "a prefix is an http or https URL",
        ("callback", "bind", "--app", AK, "http://[::1/"): "a prefix is an http or https URL",
        ("app", "add", "Acme", "--ak", "a b"): "an AK has",
        ("app", "add", "Acme", "--ak", ".."): "an AK has",
        ("account", "add", "--app", AK, "--account", "..", "--vdn", "9"): "an account id has",
        ("trust", "add", "x", data_folder / "no-such-file"): "does not exist",
    }
    for case, text in cases.items():
        done = run_ccfs(*case, "--data", data_folder)
        assert (done.code, done.out) == (2, ""), case
        assert text in " ".join(done.err.split()), case


def test_an_invalid_setting_or_database_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for settings, text in (
        ({"CCFS_WORKER": "2"}, "ccfs: unknown setting CCFS_WORKER; docs/settings.md lists all settings\n"),
        ({"CCFS_WORKERS": "two"}, "ccfs: CCFS_WORKERS: "),
        ({"CCFS_DATABASE_URL": "mysql://db.example/ccfs"}, "ccfs: database_url: mysql is not supported"),
        ({"CCFS_DATABASE_URL": f"postgresql://ccfs@/ccfs?host={tmp_path}"}, "ccfs: database error: "),
        ({"CCFS_DATA": str(tmp_path / "file" / "data")}, "ccfs: "),
    ):
        done = run_ccfs("app", "list", settings={"CCFS_DATA": str(tmp_path / "data"), **settings})
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(text)
        assert "Traceback" not in done.err


def test_commands_work_on_both_databases(database_url: str, tmp_path: Path) -> None:
    settings = {"CCFS_DATABASE_URL": database_url, "CCFS_DATA": str(tmp_path / "data")}
    assert run_ccfs("app", "add", "Acme", "--ak", AK, "--sk", SK, "--json", settings=settings).code == 0
    assert [app["ak"] for app in run_ccfs("app", "list", "--json", settings=settings).json["apps"]] == [AK]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["node.keys"]


def test_limits_of_an_app_are_shown_changed_and_audited(data_folder: Path) -> None:
    limits = ("app", "limits", AK, "--data", data_folder)
    shown = run_ccfs(*limits, "--json", settings={"CCFS_APP_CONCURRENT_QUERIES": "9"}).json
    assert (shown["own"]["concurrent_queries"], shown["limits"]["concurrent_queries"]) == (None, 9)
    assert shown["number"] == 1
    changed = run_ccfs(*limits, "--concurrent-queries", "3", "--bytes-per-second", "0", "--json").json
    assert (changed["own"]["concurrent_queries"], changed["own"]["bytes_per_second"]) == (3, 0)
    changed = run_ccfs(*limits, "--concurrent-queries", "default", "--json").json
    assert (changed["own"]["concurrent_queries"], changed["own"]["bytes_per_second"]) == (None, 0)
    lines = run_ccfs(*limits).out.splitlines()
    assert "concurrent-queries  512  (default)" in lines
    assert "bytes-per-second  unlimited" in lines
    node = Node(load_settings({}, data=data_folder))
    with node.database.read_transaction() as connection:
        query = AuditQuery(begin=utc_now() - timedelta(hours=1), end=utc_now(), actions=(AuditAction.APP_LIMITED,))
        entries = [(entry.actor, entry.target) for _, entry in audit.list_entries(connection, query)]
    node.database.close()
    assert entries == [
        ("ccfs app limits", f"{AK} bytes_per_second=0"),
        ("ccfs app limits", f"{AK} concurrent_queries=3 bytes_per_second=0"),
    ]


@pytest.mark.parametrize("value", ["-1", "x", "", "2147483648", "99999999999", "1.5"])
def test_a_value_that_is_no_limit_is_rejected(data_folder: Path, value: str) -> None:
    rejected = run_ccfs("app", "limits", AK, f"--queued-exports={value}", "--data", data_folder)
    assert (rejected.code, rejected.out) == (2, "")
    assert "--queued-exports" in rejected.err
