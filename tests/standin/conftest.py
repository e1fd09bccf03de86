import pytest

from tests.standin.device import present


@pytest.fixture
def device():
    """The stand-in device, which is there for as long as the test runs."""
    with present() as found:
        yield found
