"""One whole site for the tests of this folder: to start it takes seconds."""

from collections.abc import Iterator

import pytest

from tests.nodes.site import IMPATIENT, Site, site


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, with impatient nodes; whoever breaks something mends it."""
    with site(tmp_path_factory.mktemp("whole"), given=IMPATIENT) as found:
        found.await_binding()
        yield found
