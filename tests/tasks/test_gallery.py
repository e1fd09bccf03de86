"""The masks in ``gallery.npz``: of the channels that a selector applies to, and of no other."""

import numpy as np
import pytest

from amc_xai.data import Facts, Synthetic
from amc_xai.perturbation import Cluster, DoesNotApply, PerturbationPlan, SymbolSelector, Top, View, Zero
from amc_xai.representation import Augmented
from amc_xai.tasks.gallery import gallery_masks
from amc_xai.tasks.views import frame_symbols

CHANNELS = ["symbols", "residual"]


def test_what_does_not_apply_to_a_channel_masks_nothing_of_it():
    source = Synthetic(["QPSK"], [20], frames_per_cell=4, frame_length=512)
    representation = Augmented(Facts.of(source), channels=CHANNELS, image_size=32)
    iq = source.read(np.arange(4))
    cells = representation.cells(iq)
    view = View(iq, representation.draw(cells), CHANNELS, cells, symbols=frame_symbols(iq, 8.0))
    named = {"cluster": Cluster, "top": Top, "outer_symbols": lambda: SymbolSelector("radius", largest=True)}
    plan = PerturbationPlan(list(named), [0.5], Zero(), named)
    masks = gallery_masks(plan, view, 0.5, 0, representation)
    assert {name: mask.any((0, 2, 3)).tolist() for name, mask in masks.items()} == {
        "cluster": [True, False], "top": [True, True], "outer_symbols": [True, True]
    }  # fmt: skip
    asked = PerturbationPlan(["cluster"], [0.5], Zero(), named, channels=["residual"])
    with pytest.raises(DoesNotApply, match="cluster does not apply to channel 'residual'"):
        gallery_masks(asked, view, 0.5, 0, representation)
