"""Which image sizes a network takes whole: the same question to networks of every family."""

import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.model import TimmBackbone, timm_backbone
from amc_xai.model.image_sizes import Cropped, near_sizes, probe

CHANNELS = 2
# What timm's networks drop of images of this size, without a word; found by what a changed pixel changes.
CROPPED = {
    ("mixer_s32_224", 100): 96,
    ("tnt_s_patch16_224", 100): 96,
    ("visformer_tiny", 100): 98,
    ("convnext_atto", 98): 96,
}
# Which take other sizes than those of 100 px alone, and say nothing of which.
REFUSED = (
    "coatnet_0_rw_224", "levit_128", "hiera_tiny_224", "gcvit_xxtiny", "maxvit_tiny_rw_224",
    "xcit_nano_12_p16_224", "efficientformer_l1", "crossvit_tiny_240",
)  # fmt: skip


@pytest.fixture
def without_search(monkeypatch):
    """Sizes near by are looked for in the tests below: each try makes the network anew."""
    monkeypatch.setattr(timm_backbone, "near_sizes", lambda *given: ["12345"])


@pytest.mark.parametrize(("name", "size"), CROPPED)
def test_a_network_that_drops_the_border_is_refused(without_search, name, size):
    seen = CROPPED[name, size]
    said = f"{name} would see {seen} of {size} rows and {seen} of {size} columns of each image; it takes 12345 px"
    with pytest.raises(UserError, match=f"^representation.image_size: {said} whole$"):
        TimmBackbone((CHANNELS, size, size), name)


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_take_a_size_says_which_it_takes(without_search, name):
    with pytest.raises(
        UserError, match=rf"^representation\.image_size: backbone {name} can't take .*12345 px whole$"
    ):
        TimmBackbone((CHANNELS, 100, 100), name)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pvt_v2_b0", 64), ("levit_128", 64), ("xcit_nano_12_p16_224", 64), ("gcvit_xxtiny", 64),
        ("levit_128", 112), ("crossvit_tiny_240", 72), ("visformer_tiny", 104), ("convnext_atto", 100),
        ("resnet18", 33),
    ],
)  # fmt: skip
def test_sizes_that_a_network_takes_whole_are_taken(name, size):
    assert TimmBackbone((CHANNELS, size, size), name).num_features > 0


@pytest.mark.parametrize(
    ("name", "size", "near"),
    [
        ("convnext_atto", 98, "96 or 100"),
        ("levit_128", 100, "96 or 112"),
        ("xcit_nano_12_p16_224", 100, "96 or 112"),
    ],
)
def test_the_sizes_that_are_named_lie_close_and_fit(name, size, near):
    with pytest.raises(UserError, match=rf"; it takes {near} px whole$"):
        TimmBackbone((CHANNELS, size, size), name)


class Grid(nn.Module):
    """Patches of ``patch`` px, each a feature map of its own, then the mean."""

    def __init__(self, patch, padding=0):
        super().__init__()
        self.cut = nn.Conv2d(CHANNELS, 5, patch, patch, padding)

    def forward(self, x):
        return self.cut(x).mean((2, 3))


def test_the_border_is_missed_exactly_where_a_changed_pixel_changes_nothing():
    net = Grid(4)
    for size in ((8, 8), (9, 8), (8, 11), (10, 13)):
        x = torch.randn(1, CHANNELS, *size)
        changed = x.clone()
        changed[..., -1, :] += 1
        rows = bool((net(changed) - net(x)).abs().max() > 0)
        changed = x.clone()
        changed[..., -1] += 1
        columns = bool((net(changed) - net(x)).abs().max() > 0)
        if rows and columns:
            assert probe(net, (CHANNELS, *size)) == 5
            continue
        with pytest.raises(Cropped) as error:
            probe(net, (CHANNELS, *size))
        assert ("rows" in str(error.value), "columns" in str(error.value)) == (not rows, not columns)


class Late(nn.Module):
    """A residual branch that sees every pixel and starts at zero, beside a strided path that sees every other."""

    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(CHANNELS, 6, 3, 2, 1), nn.BatchNorm2d(6))
        nn.init.zeros_(self.branch[1].weight)
        self.path = nn.Conv2d(CHANNELS, 6, 1, 2)
        self.norm = nn.LayerNorm(6)

    def forward(self, x):
        # A plain sum over normalised features is constant, and has no gradient at all.
        return self.norm((self.branch(x) + self.path(x)).mean((2, 3)))


def test_a_probe_is_not_fooled_by_scales_that_start_at_zero_and_leaves_no_trace():
    torch.manual_seed(3)
    net = Late().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    stream = torch.get_rng_state()
    assert probe(net, (CHANNELS, 8, 8)) == 6
    assert net.training and torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


@pytest.mark.parametrize(
    ("takes", "own", "near"),
    [
        (lambda h, w: h % 16 == 0 == w % 16, (), ["96", "112"]),
        (lambda h, w: h % 32 == 0 == w % 32, (), ["96", "128"]),
        (lambda h, w: h % 14 == 0 == w % 14, (), ["98", "112"]),
        (lambda h, w: h % 7 == 0 == w % 7, (), ["98", "105"]),
        (lambda h, w: h % 2 == 1 == w % 2, (), ["99", "101"]),
        (lambda h, w: h >= 100 and h % 4 == 0, (), ["104"]),
        (lambda h, w: h == 224, (224, 224), ["224"]),
        (lambda h, w: False, (224, 224), []),
        (lambda h, w: False, (), []),
    ],
)
def test_the_closest_sizes_are_found_whatever_grain_a_family_has(takes, own, near):
    assert near_sizes(takes, 100, 100, own) == near


def test_sizes_of_images_that_are_not_square_are_found_too():
    assert near_sizes(lambda h, w: h % 16 == 0 == w % 16, 40, 70, ()) == ["32 x 64", "48 x 80"]
