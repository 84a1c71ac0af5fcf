"""Rows of trusted certificates on both engines, and the trust store."""

import time
from dataclasses import replace

import pytest

from ccfs.db.engine import Database
from ccfs.db.system.certificates import trusted_certificates as store
from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate, TrustStore
from ccfs.model.errors import OperatorError
from tests.db.sample_rows import NOW, SECOND

CERTIFICATE = TrustedCertificate(
    name="receiver", der=bytes(range(256)), sha256="ab" * 32, subject="CN=receiver.example,O=例", not_after=NOW
)


def test_certificates_are_read_back_by_name(database: Database) -> None:
    before = replace(CERTIFICATE, name="before", not_after=NOW + SECOND)
    with database.write_transaction() as connection:
        store.add_certificate(connection, CERTIFICATE, NOW)
        store.add_certificate(connection, before, NOW)
    with database.read_transaction() as connection:
        assert store.list_certificates(connection) == [before, CERTIFICATE]


def test_a_name_is_unique_and_keeps_the_first_certificate(database: Database) -> None:
    with database.write_transaction() as connection:
        store.add_certificate(connection, CERTIFICATE, NOW)
        with pytest.raises(OperatorError, match="receiver is taken"):
            store.add_certificate(connection, replace(CERTIFICATE, der=b"another"), NOW)
        assert store.list_certificates(connection) == [CERTIFICATE]


def test_a_removed_certificate_frees_its_name(database: Database) -> None:
    with database.write_transaction() as connection:
        store.add_certificate(connection, CERTIFICATE, NOW)
        store.remove_certificate(connection, "receiver")
        assert store.list_certificates(connection) == []
        with pytest.raises(OperatorError, match="no certificate receiver"):
            store.remove_certificate(connection, "receiver")
        store.add_certificate(connection, CERTIFICATE, NOW)


def test_the_trust_store_sees_a_change_in_a_moment(database: Database) -> None:
    trust_store = TrustStore(database)
    before = trust_store()
    with database.write_transaction() as connection:
        store.add_certificate(connection, CERTIFICATE, NOW)
    time.sleep(TrustStore.MAX_AGE_SECONDS)
    version, certificates = trust_store()
    assert (before, certificates) == ((0, []), [CERTIFICATE.der])
    assert version > 0
    assert trust_store() == (version, [CERTIFICATE.der])
