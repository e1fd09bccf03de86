"""The trainings that explanations ask for: what they train on, and what they leave alone."""

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.explain.robust import RandomlyMasked
from amc_xai.tasks.refitting import ShuffledLabels, fit_random_masks, fit_shuffled_labels


@pytest.fixture
def tested(bench_of):
    """A bench, its test frames as pictures, and their labels (2, n)."""
    bench = bench_of()
    frames = bench.split.test
    labels = np.stack([bench.source.modulation_index[frames], bench.source.snr_index[frames]])
    return bench, bench.classifier.represent(bench.source.read(frames)), torch.from_numpy(labels)


@torch.no_grad()
def belief(network, image, labels) -> list[float]:
    """The mean probability of the true modulation and of the true SNR."""
    logits = network.eval()(image)
    return [float(p.softmax(1).gather(1, t[:, None]).mean()) for p, t in zip(logits, labels, strict=True)]


def test_shuffled_labels_are_the_same_labels_on_other_frames(bench_of):
    source = bench_of().source
    shuffled = ShuffledLabels(source, seed=1)
    for name in ("modulation_index", "snr_index"):
        before, after = getattr(source, name), getattr(shuffled, name)
        assert np.array_equal(np.bincount(before), np.bincount(after))
        assert 0.4 < (before == after).mean() < 0.6  # two classes: half stay by chance
    assert torch.equal(shuffled.read(np.arange(3)), source.read(np.arange(3)))


def test_labels_that_mean_nothing_leave_a_network_that_knows_nothing(tested):
    bench, image, labels = tested
    before = {name: value.clone() for name, value in bench.classifier.network.state_dict().items()}
    nonsense = fit_shuffled_labels(bench, epochs=4)
    assert min(belief(bench.classifier.network, image, labels)) > 0.75
    assert belief(nonsense, image, labels) == pytest.approx([0.5, 0.5], abs=0.15)
    # The network that is explained is none the wiser, and nothing of the training is left on disk.
    assert all(torch.equal(v, before[n]) for n, v in bench.classifier.network.state_dict().items())
    assert not list(bench.parts.folder.iterdir())


def test_the_robust_copy_is_trained_on_holes_and_stands_them(tested):
    bench, image, labels = tested
    network, seen = bench.classifier.network, []
    # A copy keeps its hooks, so that this one sees what the copy is shown.
    handle = network.register_forward_pre_hook(lambda module, inputs: seen.append((inputs[0] > 0).sum((1, 2, 3))))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    robust = fit_random_masks(bench, epochs=3)
    handle.remove()
    assert robust is not network and not robust.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    # Every share of the lit pixels from none to all, so a half on average; of the training frames and those
    # of validation, in each of the epochs.
    lit = torch.cat(seen).double()
    assert len(lit) == 3 * (len(bench.split.train) + len(bench.split.validation))
    full = (image > 0).sum((1, 2, 3)).double()
    assert float(lit.mean() / full.mean()) == pytest.approx(0.5, abs=0.06)
    assert float(lit.min()) < 0.1 * float(full.min())
    masked = RandomlyMasked(torch.nn.Identity(), seed=9)(image)
    assert sum(belief(robust, masked, labels)) > sum(belief(network, masked, labels)) + 0.04


def test_a_refit_without_frames_to_train_on_says_which_keys_to_change(bench_of):
    bench = bench_of("split.ratios=[0,0,1]")
    with pytest.raises(UserError, match=r"shuffled_label_epochs.*robust_epochs.*split\.ratios"):
        fit_random_masks(bench, epochs=1)
