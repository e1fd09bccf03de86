"""What a representation says of the frame's scale is true: the limit beside a network hangs on it."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.data import Synthetic
from amc_xai.data.contracts import Facts
from amc_xai.parts import make_parts
from tests.test_configs import choices

LOOSE = "representation.power_normalise=false"
KEPT = {
    f"representation=constellation {LOOSE}": True,
    f"representation=constellation {LOOSE} representation.extent=quantile": False,
    f"representation=multiscale {LOOSE}": True,
    f"representation=multiscale {LOOSE} representation.extent=quantile": False,
    f"representation=windows {LOOSE}": True,
    f"representation=windows {LOOSE} representation.extent=quantile": False,
    "representation=fusion": False,
    "representation=fusion representation@representation.image=constellation representation.image.power_normalise="
    "false": True,
} | {f"representation={name}": False for name in choices("representation") if name != "none"}


@pytest.mark.parametrize("overrides", KEPT)
def test_a_representation_keeps_the_scale_that_it_says(overrides, tmp_path):
    source = Synthetic(["QPSK", "16QAM"], [10], frames_per_cell=3, frame_length=512)
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        parts = make_parts(compose("config", overrides.split()), tmp_path, [])
    representation = parts.make["representation"](Facts.of(source))
    iq = source.read(range(6))
    # A power of two leaves every mantissa as it is.
    seen, louder = (
        torch.cat([part.flatten() for part in (x if isinstance(x, tuple) else (x,))])
        for x in (representation(iq), representation(4 * iq))
    )
    assert representation.keeps_scale is KEPT[overrides]
    assert torch.equal(seen, louder) is not representation.keeps_scale
