"""ccfs trust: what may be trusted, what is refused and why, and Java's trust stores. Each command is a process."""

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
from ccfs.db.system.trusted_certificates import TrustStore
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from tests import receivers
from tests.certificates import DAY, identity
from tests.cli.command import Done, ccfs

STORES = Path(__file__).parent / "key_stores"
PARTNER = {
    "subject": "CN=Partner CA,O=例",
    "sha256": "7ed44d209ccb85dfa27595916773f661416309bc245231d4abcb093fa1b60ad3",
    "notAfter": "2126-10-29T11:51:57+00:00",
}
OLD = {"name": "旧", "reason": "expired on 2011-01-01"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder for the data."""
    return tmp_path / "data"


def trust(data: Path, *arguments: object) -> Done:
    return ccfs("trust", *arguments, "--data", data, "--json")


def names(data: Path) -> list[str]:
    return [one["name"] for one in trust(data, "list").json["certificates"]]


def written(folder: Path, content: bytes) -> Path:
    (folder / "file").write_bytes(content)
    return folder / "file"


class TestAdd:
    """One file of certificates."""

    def test_a_bundle_is_taken_whole_under_numbered_names(self, data: Path, tmp_path: Path) -> None:
        parts = [identity(name, is_authority=True) for name in ("root.example", "middle.example", "third.example")]
        words = b"subject=CN = root.example\n"
        file = written(tmp_path, b"\n".join(words + one.pem for one in parts))
        added = trust(data, "add", "partner", file).json["certificates"]
        assert [(one["name"], one["subject"]) for one in added] == [
            ("partner", "CN=root.example"),
            ("partner-2", "CN=middle.example"),
            ("partner-3", "CN=third.example"),
        ]
        assert trust(data, "list").json["certificates"] == added

    def test_a_bundle_is_taken_whole_or_not_at_all(self, data: Path, tmp_path: Path) -> None:
        good, expired = identity("a.example"), identity("b.example", ends=-DAY)
        done = trust(data, "add", "both", written(tmp_path, good.pem + expired.pem))
        assert (done.code, done.out) == (1, "")
        assert "expired on" in done.err
        assert "CN=b.example" in done.err
        assert trust(data, "add", "both-2", written(tmp_path, good.pem)).code == 0
        assert "both-2 is taken" in trust(data, "add", "both", written(tmp_path, good.pem * 2)).err
        assert names(data) == ["both-2"]

    @pytest.mark.parametrize("name", ["key", "key and certificate"])
    def test_of_a_file_with_a_private_key_only_the_certificate_is_taken(
        self, name: str, data: Path, tmp_path: Path
    ) -> None:
        one = identity("a.example")
        key = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        done = trust(data, "add", "a", written(tmp_path, key + (one.pem if name != "key" else b"")))
        assert ("is not a certificate" in done.err) == (name == "key")
        assert names(data) == ([] if name == "key" else ["a"])

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is not a certificate in PEM or DER"),
            (b"Dear Sir or Madam", "is not a certificate in PEM or DER"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is not a certificate in PEM or DER"),
            (identity("a.example").der[:-1], "is not a certificate in PEM or DER"),
            (identity("a.example").der + b"more", "is not a certificate in PEM or DER"),
            (bytes((512 << 10) + 1), "is larger than 512 KB"),
            (identity("a.example", ends=-DAY).der, "expired on"),
            ((STORES / "trust.jks").read_bytes(), "is a Java key store; `ccfs trust import` takes it"),
            ((STORES / "trust.p12").read_bytes(), "is not a certificate in PEM or DER"),
        ],
    )
    def test_what_is_wrong_is_refused_in_one_line(
        self, content: bytes, reason: str, data: Path, tmp_path: Path
    ) -> None:
        done = trust(data, "add", "x", written(tmp_path, content))
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert reason in done.err

    def test_the_largest_file_that_is_taken_has_512_kb(self, data: Path, tmp_path: Path) -> None:
        pem = identity("a.example").pem
        file = written(tmp_path, b" " * ((512 << 10) - len(pem) - 1) + b"\n" + pem)
        assert file.stat().st_size == 512 << 10
        assert trust(data, "add", "large", file).code == 0


class TestImport:
    """Trust stores as Java makes them."""

    @pytest.mark.parametrize(
        ("store", "alias"), [("trust.jks", "partner ca"), ("trust.jceks", "partner ca"), ("trust.p12", "Partner CA")]
    )
    def test_each_alias_becomes_a_trusted_certificate_but_no_expired_one_and_no_key(
        self, store: str, alias: str, data: Path
    ) -> None:
        done = trust(data, "import", STORES / store, "--password", "changeit")
        assert done.json == {"added": [{"name": alias, **PARTNER}], "skipped": [OLD]}
        assert trust(data, "list").json == {"certificates": [{"name": alias, **PARTNER}]}

    def test_the_encryption_of_java_8_is_read_too(self, data: Path) -> None:
        done = trust(data, "import", STORES / "legacy.p12", "--password", "changeit")
        assert done.json == {"added": [{"name": "Partner CA", **PARTNER}], "skipped": []}

    def test_jks_can_be_read_without_its_password(self, data: Path) -> None:
        assert len(trust(data, "import", STORES / "trust.jks").json["added"]) == 1

    def test_a_second_time_changes_nothing(self, data: Path) -> None:
        trust(data, "add", "the partner", STORES / "partner.pem")
        done = trust(data, "import", STORES / "trust.jks", "--password", "changeit")
        twice = {"name": "partner ca", "reason": "is trusted already, as the partner"}
        assert (done.json["added"], sorted(done.json["skipped"], key=str)) == ([], [twice, OLD])

    def test_a_name_that_is_taken_is_skipped(self, data: Path, tmp_path: Path) -> None:
        trust(data, "add", "partner ca", written(tmp_path, identity("a.example").pem))
        skipped = trust(data, "import", STORES / "trust.jks").json["skipped"]
        assert {"name": "partner ca", "reason": "the name is taken"} in skipped

    @pytest.mark.parametrize("store", ["trust.jks", "trust.jceks", "trust.p12", "legacy.p12"])
    def test_a_wrong_password_is_told(self, store: str, data: Path) -> None:
        done = trust(data, "import", STORES / store, "--password", "guessed")
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert "password" in done.err
        assert names(data) == []

    def test_a_changed_store_is_told_by_its_password(self, data: Path, tmp_path: Path) -> None:
        content = bytearray((STORES / "trust.jks").read_bytes())
        content[-30] ^= 1
        done = trust(data, "import", written(tmp_path, bytes(content)), "--password", "changeit")
        assert "the password is not right, or the key store was changed" in done.err

    @pytest.mark.parametrize("length", [4, 12, 40, 500, 1200])
    def test_a_store_that_is_cut_short_is_told(self, length: int, data: Path, tmp_path: Path) -> None:
        content = (STORES / "trust.jks").read_bytes()[:length]
        assert "the key store is damaged" in trust(data, "import", written(tmp_path, content)).err

    def test_a_store_of_nothing_and_a_store_that_is_none(self, data: Path, tmp_path: Path) -> None:
        empty = bytes.fromhex("feedfeed 00000002 00000000")
        whole = empty + hashlib.sha1("pass".encode("utf-16-be") + b"Mighty Aphrodite" + empty).digest()
        assert "it holds no trusted certificate" in trust(data, "import", written(tmp_path, whole)).err
        assert "neither JKS nor PKCS#12" in trust(data, "import", written(tmp_path, b"Dear Sir or Madam")).err
        large = written(tmp_path, bytes((8 << 20) + 1))
        assert "is larger than 8 MB" in trust(data, "import", large).err

    def test_those_who_vouch_for_a_key_of_ours_are_not_trusted_for_that(self, data: Path, tmp_path: Path) -> None:
        root = identity("root.example", is_authority=True)
        middle = identity("middle.example", issuer=root, is_authority=True)
        ours, other = identity("ours.example", issuer=middle), identity("other.example")
        chain = [middle.certificate, root.certificate, other.certificate]
        store = pkcs12.serialize_key_and_certificates(
            b"ours", ours.key, ours.certificate, chain, BestAvailableEncryption(b"secret")
        )
        added = trust(data, "import", written(tmp_path, store), "--password", "secret").json["added"]
        assert [one["subject"] for one in added] == ["CN=other.example"]

    def test_a_certificate_without_an_alias_is_named_by_its_fingerprint(self, data: Path, tmp_path: Path) -> None:
        one = identity("a.example")
        store = pkcs12.serialize_key_and_certificates(
            None, None, None, [one.certificate], BestAvailableEncryption(b"secret")
        )
        (added,) = trust(data, "import", written(tmp_path, store), "--password", "secret").json["added"]
        assert added["name"] == added["sha256"][:16]


def test_people_are_told_until_when(data: Path) -> None:
    done = ccfs("trust", "import", STORES / "trust.jks", "--data", data)
    assert done.out.splitlines() == [
        "partner ca: CN=Partner CA,O=例, until 2126-10-29",
        "旧: skipped, expired on 2011-01-01",
    ]
    assert ccfs("trust", "list", "--data", data).out == "partner ca  until 2126-10-29  CN=Partner CA,O=例\n"


@pytest.fixture
def egress(database_url: str) -> Iterator[CallbackHttpClient]:
    """One that sends callbacks all the while."""
    database = open_database(database_url)
    upgrade(database)
    with CallbackHttpClient(trusted=TrustStore(database)) as egress:
        yield egress
    database.close()


def test_what_is_trusted_counts_at_the_next_attempt_of_a_running_node(
    egress: CallbackHttpClient, database_url: str, tmp_path: Path
) -> None:
    settings = {"CCFS_DATABASE_URL": database_url, "CCFS_DATA": str(tmp_path / "data")}
    mine = identity("127.0.0.1")
    file = written(tmp_path, mine.pem)
    with receivers.receiver(tls=mine.tls()) as there:

        def failure() -> str:
            return egress.post(there.url, {}, b"{}", allowed_prefixes=[there.prefix]).failure

        refused = "certificate is not trusted: self-signed certificate"
        assert failure() == refused
        assert ccfs("trust", "add", "receiver", file, settings=settings).code == 0
        assert failure() == ""
        assert ccfs("trust", "remove", "receiver", settings=settings).code == 0
        assert failure() == refused
