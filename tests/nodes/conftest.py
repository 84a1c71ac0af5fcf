"""One whole site for the tests of this folder: to start it takes seconds."""

from collections.abc import Iterator

import pytest

from tests.nodes.full_site import SHORT_TIMEOUTS, FullSite, run_full_site


@pytest.fixture(scope="session")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullSite]:
    """The site, with impatient nodes; whoever breaks something mends it."""
    with run_full_site(tmp_path_factory.mktemp("whole"), given=SHORT_TIMEOUTS) as found:
        found.wait_for_binding()
        yield found
