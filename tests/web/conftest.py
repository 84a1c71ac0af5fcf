"""The server and its two tenants, which the tests of the HTTP toolkit share with those of the API."""

from tests.api.conftest import acme_client, bolt_client, server, tenant_pair

__all__ = ["acme_client", "bolt_client", "server", "tenant_pair"]
