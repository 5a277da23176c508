"""What every test starts from."""

from collections.abc import Iterator

import pytest

from inklings import progress


@pytest.fixture(autouse=True)
def _progress_is_shown() -> Iterator[None]:
    """A command run with ``--quiet`` in this process would silence the tests that follow."""
    progress.silence(False)
    yield
    progress.silence(False)
