"""200 generated data sets, the same in every run; `python -m tests.fuzz 3000` makes more, and others."""

from hypothesis import HealthCheck, given, settings

from tests.fuzz.case import Case, outcome
from tests.fuzz.formats import cases


@settings(
    max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(cases())
def test_every_file_ends_in_frames_or_in_one_sentence(drawn: tuple[str, Case]):
    outcome(drawn[1])
