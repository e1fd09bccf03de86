"""A resumed training with other settings: what it honours, and what it refuses in words."""

import functools

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.loss import DynamicWeightAverage, FixedWeights, GradNorm, SoftmaxWeights, UncertaintyWeights
from amc_xai.training import constant, cosine, cyclic, load_checkpoint, plateau

SGD = functools.partial(torch.optim.SGD, momentum=0.9)


def last_of(run):
    return load_checkpoint(run.folder / "checkpoints" / "last.pt", "resume")


def rates(state):
    return [row["learning_rate"] for row in state.history]


def test_a_new_learning_rate_and_weight_decay_hold_from_where_the_run_stopped(run):
    """As if they had been changed in the middle of a run that never stopped: momentum and all."""
    unbroken, pieced, made = run("unbroken"), run("pieced"), []

    def watched(optimizer, epochs, batches):
        made.append(constant(optimizer, epochs, batches))
        return made[-1]

    def change(row):
        if row["epoch"] == 1:
            made[-1].scheduler.base_lrs = [0.001, 0.001]
            for group in unbroken.optimizer.param_groups:
                group["lr"], group["momentum"] = 0.001, 0.5
            # The loss's own parameters have none.
            unbroken.optimizer.param_groups[0]["weight_decay"] = 0.2

    begun = functools.partial(SGD, lr=0.02, weight_decay=0.1)
    unbroken.go(schedule=watched, optimizer=begun, on_epoch=change)
    pieced.go(epochs=2, schedule=constant, optimizer=begun)
    changed = functools.partial(torch.optim.SGD, lr=0.001, weight_decay=0.2, momentum=0.5)
    state = pieced.go(last_of(pieced), schedule=constant, optimizer=changed)
    assert rates(state) == [0.02, 0.02, 0.001, 0.001]
    for name, value in unbroken.weights().items():
        assert torch.equal(pieced.weights()[name], value), name
    # The next resumed run compares itself with what was in force last.
    groups = last_of(pieced)["optimizer_settings"]["groups"]
    assert [group["weight_decay"] for group in groups] == [0.2, 0.0]
    state = pieced.go(last_of(pieced), epochs=5, schedule=constant, optimizer=changed)
    assert rates(state)[-1] == 0.001


def test_a_new_learning_rate_scales_the_course_of_its_schedule(run):
    bent, fast = functools.partial(cosine, warmup=0.0), functools.partial(SGD, lr=0.02)
    long = rates(run().go(epochs=4, schedule=bent, optimizer=fast))
    first = run("first")
    with pytest.raises(KeyboardInterrupt):
        first.go(epochs=4, schedule=bent, optimizer=fast, on_epoch=stop_after(2))
    seen = []
    state = first.go(
        last_of(first), epochs=4, schedule=bent, optimizer=functools.partial(SGD, lr=0.004),
        spoil=lambda trained, source: trained.optimizer.register_step_pre_hook(
            lambda optimizer, *_: seen.append(optimizer.param_groups[0]["lr"])
        ),
    )  # fmt: skip
    assert rates(state) == pytest.approx([long[0], long[1], long[2] / 5, long[3] / 5])
    # From its first step on, which is at half of the way.
    assert seen[0] == pytest.approx(0.004 / 2)


def stop_after(epochs):
    import signal

    return lambda row: row["epoch"] == epochs - 1 and signal.raise_signal(signal.SIGINT) and False


def still(params, lr):
    class Still(torch.optim.SGD):
        def step(self, closure=None):
            pass

    return Still(params, lr=lr)


def test_new_settings_of_plateau_hold_and_its_count_goes_on(run):
    waiting = run()
    begun = functools.partial(plateau, factor=0.5, patience=1)
    state = waiting.go(epochs=4, schedule=begun, optimizer=functools.partial(still, lr=0.08), plain=True)
    # The second and the third epoch brought nothing.
    assert rates(state) == pytest.approx([0.08, 0.08, 0.08, 0.04])
    harsher = functools.partial(plateau, factor=0.1, patience=1)
    harder = {"schedule": harsher, "optimizer": functools.partial(still, lr=0.016), "plain": True}
    state = waiting.go(last_of(waiting), 7, **harder)
    assert rates(state)[4:] == pytest.approx([0.04 / 5, 0.004 / 5, 0.004 / 5])


def test_new_settings_of_cyclic_hold(run):
    turning = run()
    begun = functools.partial(cyclic, base_lr=1e-3, max_lr=1e-2, epochs_up=1.0)
    turning.go(epochs=1, schedule=begun, optimizer=functools.partial(SGD, lr=1.0))
    wider = functools.partial(cyclic, base_lr=1e-3, max_lr=3e-2, epochs_up=1.0)
    state = turning.go(last_of(turning), 3, schedule=wider, optimizer=functools.partial(SGD, lr=1.0))
    # Up in one epoch of nine steps, down in the next.
    assert rates(state) == pytest.approx([1e-2, 1e-3, 3e-2])


def test_what_changes_is_said(run, caplog):
    pieced = run()
    pieced.go(epochs=1, schedule=plateau)
    with caplog.at_level("INFO"):
        pieced.go(last_of(pieced), epochs=2, schedule=plateau)
    assert "from here on" not in caplog.text
    changed = functools.partial(torch.optim.AdamW, lr=0.001, weight_decay=0.1)
    with caplog.at_level("INFO"):
        schedule = functools.partial(plateau, patience=3)
        pieced.go(last_of(pieced), epochs=2, schedule=schedule, optimizer=changed)
    said = [record.message for record in caplog.records if "from here on" in record.message]
    assert said == [
        "resuming: from here on, the base learning rate is 0.001, not 0.01",
        "resuming: from here on, scheduler.patience is 3, not 10",
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"optimizer": functools.partial(SGD, lr=0.1)},
            "optimizer can't be swapped: .* with AdamW, and SGD can't",
        ),
        ({"schedule": plateau}, "scheduler can't be swapped: .* with LambdaLR, and ReduceLROnPlateau can't"),
        (
            {"loss": FixedWeights},
            "loss can't be swapped .* has log_variance, FixedWeights has none; leave loss out",
        ),
        ({"loss": SoftmaxWeights}, "loss can't be swapped .* has log_variance, SoftmaxWeights has logits"),
        ({"loss": DynamicWeightAverage}, "loss can't be swapped .* has weight, before"),
        ({"loss": GradNorm}, "loss can't be swapped .* has weight, first"),
    ],
    ids=["optimizer", "scheduler", "fixed", "softmax", "dynamic", "gradnorm"],
)
def test_another_kind_of_part_is_refused_before_anything_is_written(run, changed, sentence):
    begun = run()
    begun.go(epochs=1)
    last, written = last_of(begun), (begun.folder / "checkpoints" / "last.pt").stat().st_mtime_ns
    with pytest.raises(UserError, match=f"^resume: {sentence}"):
        begun.go(last, epochs=2, **changed)
    assert (begun.folder / "checkpoints" / "last.pt").stat().st_mtime_ns == written


def test_settings_of_a_loss_may_change(run):
    begun = run()
    begun.go(epochs=1)
    state = begun.go(last_of(begun), epochs=2, loss=functools.partial(UncertaintyWeights, bound=0.01))
    assert len(state.history) == 2 and begun.loss.log_variance.detach().abs().max().item() == pytest.approx(0.01)
