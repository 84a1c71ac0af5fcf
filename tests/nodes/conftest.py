"""One full site for all tests of this folder, because starting it takes seconds."""

from collections.abc import Iterator

import pytest

from tests.nodes.full_site import SHORT_TIMEOUTS, FullSite, run_full_site


@pytest.fixture(scope="session")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullSite]:
    """The site, with short timeouts. A test that breaks a part of it repairs it."""
    with run_full_site(tmp_path_factory.mktemp("site"), options=SHORT_TIMEOUTS) as site:
        site.wait_for_binding()
        yield site
