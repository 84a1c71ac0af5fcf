"""ccfs trust: certificate files, rejected files, and Java trust stores. Each command is a process."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system.certificates.trusted_certificates import TrustStore
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from tests import receivers
from tests.certificates import DAY, create_identity
from tests.cli.command import CommandResult, run_ccfs

KEY_STORES = Path(__file__).parent / "key_stores"
PARTNER = {
    "subject": "CN=Partner CA,O=例",
    "sha256": "7ed44d209ccb85dfa27595916773f661416309bc245231d4abcb093fa1b60ad3",
    "notAfter": "2126-10-29T11:51:57+00:00",
}
EXPIRED = {"name": "旧", "reason": "expired on 2011-01-01"}


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Return a new data folder."""
    return tmp_path / "data"


def run_trust(data: Path, *arguments: object) -> CommandResult:
    return run_ccfs("trust", *arguments, "--data", data, "--json")


def list_names(data: Path) -> list[str]:
    return [row["name"] for row in run_trust(data, "list").json["certificates"]]


def write_file(folder: Path, content: bytes) -> Path:
    (folder / "file").write_bytes(content)
    return folder / "file"


class TestAdd:
    """Adding a file of certificates."""

    def test_adding_a_bundle_trusts_all_certificates_under_numbered_names(
        self, data_folder: Path, tmp_path: Path
    ) -> None:
        parts = [
            create_identity(name, is_authority=True) for name in ("root.example", "middle.example", "third.example")
        ]
        words = b"subject=CN = root.example\n"
        file = write_file(tmp_path, b"\n".join(words + identity.pem for identity in parts))
        added = run_trust(data_folder, "add", "partner", file).json["certificates"]
        assert [(row["name"], row["subject"]) for row in added] == [
            ("partner", "CN=root.example"),
            ("partner-2", "CN=middle.example"),
            ("partner-3", "CN=third.example"),
        ]
        assert run_trust(data_folder, "list").json["certificates"] == added

    def test_adding_a_bundle_trusts_all_certificates_or_none(self, data_folder: Path, tmp_path: Path) -> None:
        good, expired = create_identity("a.example"), create_identity("b.example", ends=-DAY)
        done = run_trust(data_folder, "add", "both", write_file(tmp_path, good.pem + expired.pem))
        assert (done.code, done.out) == (1, "")
        assert "expired on" in done.err
        assert "CN=b.example" in done.err
        assert run_trust(data_folder, "add", "both-2", write_file(tmp_path, good.pem)).code == 0
        assert "both-2 is taken" in run_trust(data_folder, "add", "both", write_file(tmp_path, good.pem * 2)).err
        assert list_names(data_folder) == ["both-2"]

    @pytest.mark.parametrize("name", ["key", "key and certificate"])
    def test_adding_a_file_with_a_private_key_trusts_only_the_certificate(
        self, name: str, data_folder: Path, tmp_path: Path
    ) -> None:
        identity = create_identity("a.example")
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        done = run_trust(data_folder, "add", "a", write_file(tmp_path, key + (identity.pem if name != "key" else b"")))
        assert ("is not a certificate" in done.err) == (name == "key")
        assert list_names(data_folder) == ([] if name == "key" else ["a"])

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is not a certificate in PEM or DER"),
            (b"Dear Sir or Madam", "is not a certificate in PEM or DER"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is not a certificate in PEM or DER"),
            (create_identity("a.example").der[:-1], "is not a certificate in PEM or DER"),
            (create_identity("a.example").der + b"more", "is not a certificate in PEM or DER"),
            (bytes((512 << 10) + 1), "is larger than 512 KB"),
            (create_identity("a.example", ends=-DAY).der, "expired on"),
            ((KEY_STORES / "trust.jks").read_bytes(), "is a Java key store; use `ccfs trust import`"),
            ((KEY_STORES / "trust.p12").read_bytes(), "is not a certificate in PEM or DER"),
        ],
    )
    def test_adding_a_wrong_file_is_refused_in_one_line(
        self, content: bytes, reason: str, data_folder: Path, tmp_path: Path
    ) -> None:
        done = run_trust(data_folder, "add", "x", write_file(tmp_path, content))
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert reason in done.err

    def test_the_largest_certificate_file_has_512_kb(self, data_folder: Path, tmp_path: Path) -> None:
        pem = create_identity("a.example").pem
        file = write_file(tmp_path, b" " * ((512 << 10) - len(pem) - 1) + b"\n" + pem)
        assert file.stat().st_size == 512 << 10
        assert run_trust(data_folder, "add", "large", file).code == 0


class TestImport:
    """Importing trust stores of Java."""

    @pytest.mark.parametrize(
        ("store", "alias"), [("trust.jks", "partner ca"), ("trust.jceks", "partner ca"), ("trust.p12", "Partner CA")]
    )
    def test_importing_a_key_store_trusts_each_alias_but_no_expired_certificate_and_no_key(
        self, store: str, alias: str, data_folder: Path
    ) -> None:
        done = run_trust(data_folder, "import", KEY_STORES / store, "--password", "changeit")
        assert done.json == {"added": [{"name": alias, **PARTNER}], "skipped": [EXPIRED]}
        assert run_trust(data_folder, "list").json == {"certificates": [{"name": alias, **PARTNER}]}

    def test_importing_reads_the_encryption_of_java_8(self, data_folder: Path) -> None:
        done = run_trust(data_folder, "import", KEY_STORES / "legacy.p12", "--password", "changeit")
        assert done.json == {"added": [{"name": "Partner CA", **PARTNER}], "skipped": []}

    def test_jks_can_be_read_without_its_password(self, data_folder: Path) -> None:
        assert len(run_trust(data_folder, "import", KEY_STORES / "trust.jks").json["added"]) == 1

    def test_importing_a_key_store_twice_changes_nothing(self, data_folder: Path) -> None:
        run_trust(data_folder, "add", "the partner", KEY_STORES / "partner.pem")
        done = run_trust(data_folder, "import", KEY_STORES / "trust.jks", "--password", "changeit")
        twice = {"name": "partner ca", "reason": "already trusted as the partner"}
        assert (done.json["added"], sorted(done.json["skipped"], key=str)) == ([], [twice, EXPIRED])

    def test_importing_skips_an_alias_whose_name_is_in_use(self, data_folder: Path, tmp_path: Path) -> None:
        run_trust(data_folder, "add", "partner ca", write_file(tmp_path, create_identity("a.example").pem))
        skipped = run_trust(data_folder, "import", KEY_STORES / "trust.jks").json["skipped"]
        assert {"name": "partner ca", "reason": "the name is already in use"} in skipped

    @pytest.mark.parametrize("store", ["trust.jks", "trust.jceks", "trust.p12", "legacy.p12"])
    def test_importing_with_a_wrong_password_is_reported(self, store: str, data_folder: Path) -> None:
        done = run_trust(data_folder, "import", KEY_STORES / store, "--password", "guessed")
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert "password" in done.err
        assert list_names(data_folder) == []

    def test_importing_a_changed_key_store_is_reported(self, data_folder: Path, tmp_path: Path) -> None:
        content = bytearray((KEY_STORES / "trust.jks").read_bytes())
        content[-30] ^= 1
        done = run_trust(data_folder, "import", write_file(tmp_path, bytes(content)), "--password", "changeit")
        assert "wrong password, or the key store was modified" in done.err

    @pytest.mark.parametrize("length", [4, 12, 40, 500, 1200])
    def test_importing_a_truncated_key_store_is_reported(self, length: int, data_folder: Path, tmp_path: Path) -> None:
        content = (KEY_STORES / "trust.jks").read_bytes()[:length]
        assert "the key store is damaged" in run_trust(data_folder, "import", write_file(tmp_path, content)).err

    def test_importing_an_empty_key_store_and_a_file_that_is_none(self, data_folder: Path, tmp_path: Path) -> None:
        empty = bytes.fromhex("feedfeed 00000002 00000000")
        whole = empty + hashlib.sha1("pass".encode("utf-16-be") + b"Mighty Aphrodite" + empty).digest()
        assert (
            "no trusted certificate in the key store"
            in run_trust(data_folder, "import", write_file(tmp_path, whole)).err
        )
        assert (
            "neither JKS nor PKCS#12"
            in run_trust(data_folder, "import", write_file(tmp_path, b"Dear Sir or Madam")).err
        )
        large = write_file(tmp_path, bytes((8 << 20) + 1))
        assert "is larger than 8 MB" in run_trust(data_folder, "import", large).err

    def test_importing_does_not_trust_the_certificate_chain_of_a_private_key(
        self, data_folder: Path, tmp_path: Path
    ) -> None:
        root = create_identity("root.example", is_authority=True)
        middle = create_identity("middle.example", issuer=root, is_authority=True)
        ours, other = create_identity("ours.example", issuer=middle), create_identity("other.example")
        chain = [middle.certificate, root.certificate, other.certificate]
        store = pkcs12.serialize_key_and_certificates(
            b"ours", ours.key, ours.certificate, chain, BestAvailableEncryption(b"secret")
        )
        added = run_trust(data_folder, "import", write_file(tmp_path, store), "--password", "secret").json["added"]
        assert [row["subject"] for row in added] == ["CN=other.example"]

    def test_an_imported_certificate_without_an_alias_is_named_by_its_fingerprint(
        self, data_folder: Path, tmp_path: Path
    ) -> None:
        identity = create_identity("a.example")
        store = pkcs12.serialize_key_and_certificates(
            None, None, None, [identity.certificate], BestAvailableEncryption(b"secret")
        )
        (added,) = run_trust(data_folder, "import", write_file(tmp_path, store), "--password", "secret").json["added"]
        assert added["name"] == added["sha256"][:16]


def test_trusted_certificates_are_listed_with_their_expiry(data_folder: Path) -> None:
    done = run_ccfs("trust", "import", KEY_STORES / "trust.jks", "--data", data_folder)
    assert done.out.splitlines() == [
        "partner ca: CN=Partner CA,O=例, expires 2126-10-29",
        "旧: skipped, expired on 2011-01-01",
    ]
    assert (
        run_ccfs("trust", "list", "--data", data_folder).out == "partner ca  expires 2126-10-29  CN=Partner CA,O=例\n"
    )


@pytest.fixture
def callback_http_client(database_url: str) -> Iterator[CallbackHttpClient]:
    """Yield a running HTTP client for callbacks."""
    database = open_database(database_url)
    upgrade(database)
    with CallbackHttpClient(trusted=TrustStore(database)) as client:
        yield client
    database.close()


def test_a_trusted_certificate_takes_effect_at_the_next_attempt_of_a_running_node(
    callback_http_client: CallbackHttpClient, database_url: str, tmp_path: Path
) -> None:
    settings = {"CCFS_DATABASE_URL": database_url, "CCFS_DATA": str(tmp_path / "data")}
    mine = create_identity("127.0.0.1")
    file = write_file(tmp_path, mine.pem)
    with receivers.run_receiver(tls=mine.build_tls_context()) as receiver:

        def failure() -> str:
            return callback_http_client.post(receiver.url, {}, b"{}", allowed_prefixes=[receiver.prefix]).failure

        rejected = "certificate is not trusted: self-signed certificate"
        assert failure() == rejected
        assert run_ccfs("trust", "add", "receiver", file, settings=settings).code == 0
        assert failure() == ""
        assert run_ccfs("trust", "remove", "receiver", settings=settings).code == 0
        assert failure() == rejected
