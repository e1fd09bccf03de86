import math

import pytest
import torch

from amc_xai.training import constant, cosine, cyclic, plateau

LR = 0.02


def optimizer(kind=torch.optim.SGD):
    return kind([torch.nn.Parameter(torch.zeros(1))], LR)


def rates(make, epochs=6, batches=5, losses=None, kind=torch.optim.SGD):
    """The learning rate of every step, and of the epochs' ends."""
    chosen = optimizer(kind)
    schedule = make(chosen, epochs, batches)
    steps = []
    for epoch in range(epochs):
        for _ in range(batches):
            steps.append(chosen.param_groups[0]["lr"])
            chosen.step()
            schedule.after_batch()
        schedule.after_epoch(losses[epoch] if losses else 1.0)
    return steps


def test_constant_stays():
    assert rates(constant) == [LR] * 30


@pytest.mark.parametrize(("warmup", "final"), [(0.0, 0.0), (0.2, 0.0), (0.1, 0.25)])
def test_cosine_rises_linearly_and_falls_as_half_a_cosine(warmup, final):
    rising = round(warmup * 30)
    expected = []
    for step in range(30):
        if step < rising:
            expected.append(LR * (step + 1) / (rising + 1))
        else:
            along = (step - rising) / (30 - rising)
            expected.append(LR * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * along))))
    assert rates(lambda o, e, b: cosine(o, e, b, warmup, final)) == pytest.approx(expected, rel=1e-9)
    assert max(expected) == pytest.approx(LR)


def test_cosine_stays_down_after_its_last_step():
    chosen = optimizer()
    schedule = cosine(chosen, 2, 3, warmup=0.0, final=0.1)
    for _ in range(9):
        chosen.step()
        schedule.after_batch()
    assert chosen.param_groups[0]["lr"] == pytest.approx(0.1 * LR)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_cyclic_is_a_triangle_of_epochs_up_and_down(kind):
    low, high, up = 1e-4, 5e-3, 10
    expected = []
    for step in range(30):
        along = step % (2 * up)
        expected.append(low + (high - low) * (along if along <= up else 2 * up - along) / up)
    found = rates(lambda o, e, b: cyclic(o, e, b, low, high, epochs_up=2.0), kind=kind)
    assert found == pytest.approx(expected, rel=1e-6)


def test_plateau_takes_its_factor_after_the_patience():
    # Best in epoch 1; epochs 2, 3 and 4 bring nothing better: with a patience of 2 the third one lowers the rate.
    losses = [2.0, 1.0, 1.5, 1.0, 1.2, 1.1, 1.1, 1.1]
    found = rates(lambda o, e, b: plateau(o, e, b, factor=0.5, patience=2), 8, 5, losses)
    assert found[::5] == pytest.approx([LR] * 5 + [LR / 2] * 3)
    assert all(len(set(found[k : k + 5])) == 1 for k in range(0, 40, 5))
    lowered = rates(lambda o, e, b: plateau(o, e, b), 13, 1, [1.0] * 13)
    assert lowered == pytest.approx([LR] * 12 + [0.7 * LR])


def test_plateau_measures_what_is_better_in_the_losss_own_units():
    # Each loss is 4 % lower than the one before, and less than 1e-4: nothing that counts.
    losses = [1e-4 * 0.96**epoch for epoch in range(6)]
    found = rates(lambda o, e, b: plateau(o, e, b, factor=0.5, patience=2), 6, 1, losses)
    assert found == pytest.approx([LR] * 4 + [LR / 2] * 2)


@pytest.mark.parametrize("make", [constant, cosine, plateau, lambda o, e, b: cyclic(o, e, b, 1e-3, 1e-2)])
def test_a_restored_schedule_goes_on_as_if_it_had_not_stopped(make, tmp_path):
    def run(chosen, schedule, steps):
        found = []
        for step in range(*steps):
            chosen.step()
            schedule.after_batch()
            if step % 5 == 4:
                schedule.after_epoch(1.0)
            found.append(chosen.param_groups[0]["lr"])
        return found

    chosen = optimizer()
    unbroken = run(chosen, make(chosen, 16, 5), (0, 80))
    first = optimizer()
    schedule = make(first, 16, 5)
    begin = run(first, schedule, (0, 33))
    torch.save([first.state_dict(), schedule.state_dict()], tmp_path / "state.pt")
    second = optimizer()
    restored = make(second, 16, 5)
    states = torch.load(tmp_path / "state.pt", weights_only=True)
    second.load_state_dict(states[0])
    restored.load_state_dict(states[1])
    assert begin + run(second, restored, (33, 80)) == unbroken
