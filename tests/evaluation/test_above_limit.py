"""What lies above the limit, for all comparisons together."""

import numpy as np
import pytest

from amc_xai.evaluation.limit import Reached, above_limit

LIMITS = {
    0.0: {"joint_accuracy": 0.6, "reachable_joint_accuracy": 0.5, "frames": 2000, "reachable_frames": 1000},
    10.0: {"joint_accuracy": 0.95, "snr_accuracy": 0.9, "frames": 2000},
}


def test_the_closest_limit_that_is_known_counts():
    between = Reached("joint_accuracy", 0.0, 0.59, 2000)
    below = Reached("joint_accuracy", 0.0, 0.49, 2000)
    beyond = Reached("snr_accuracy", 10.0, 0.99, 2000)
    unknown = Reached("modulation_accuracy", 0.0, 1.0, 2000)
    assert above_limit([below, between, beyond, unknown], LIMITS) == ([between, beyond], 3)
    assert above_limit([between], {0.0: {"joint_accuracy": 0.1}}) == ([], 0)  # of how many frames isn't known


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_of_many_that_reach_the_limit_hardly_a_set_has_one_above(share):
    """48 comparisons in 300 sets, each at the limit: by intervals of its own most sets would have some above."""
    rng = np.random.default_rng(0)
    sets = 0
    for _ in range(300):
        limits = {
            float(snr): {"joint_accuracy": rng.binomial(500, share) / 500, "frames": 500} for snr in range(48)
        }
        reached = [Reached("joint_accuracy", snr, rng.binomial(400, share) / 400, 400) for snr in limits]
        above, compared = above_limit(reached, limits)
        assert compared == 48
        sets += bool(above)
    assert sets / 300 < 0.06
