"""Keys and values of a kind that a part can't take are refused before work, whatever the part."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from torch import Tensor, nn

from amc_xai.errors import UserError
from amc_xai.signatures import check_arguments, fits, in_words
from tests.conftest import tiny
from tests.test_configs import parts_of

KINDS = [
    # annotation, in words, what fits, what doesn't
    (int, "a whole number", [0, -3], [1.0, True, "1", None, [1]]),
    (float, "a finite number", [0, 1.5, -2], [math.nan, math.inf, True, "1.5", None]),
    (bool, "true or false", [True, False], [0, 1, "true", None]),
    (str, "a word", ["a", ""], [1, None, ["a"]]),
    (int | None, "a whole number or null", [1, None], [1.5, "null"]),
    (float | Literal["auto"] | None, "a finite number or auto or null", [8, "auto", None], ["automatic"]),
    (list[str], "a list of words", [[], ["a", "b"]], ["a", [1], None, {"a": 1}]),
    (Sequence[float], "a list of finite numbers", [[1, 2.5], []], ["12", [1, "a"], [math.nan], 3]),
    (tuple[int, int], "a list of 2 whole numbers", [[256, 64]], [[256], [1, 2, 3], [1, 2.5], 256]),
    (tuple[float, ...], "a list of finite numbers", [[], [1.0]], [[None], 1.0]),
    (list[str] | str | None, "a list of words or a word or null", [["a"], "all", None], [3, [3]]),
    (dict[str, Any] | None, "a mapping or null", [{}, {"a": 1}, None], [[], "a"]),
    (Mapping[str, int], "a mapping", [{"a": 1}], [["a"]]),
    (float | Tensor, "a finite number or a part (Tensor)", [0.1], ["abc", [0.1], True, math.nan]),
    (nn.Module, "a part (Module)", [{"_target_": "torch.nn.modules.ReLU"}], ["relu", 3]),
    (Callable[[int], nn.Module], "a part (Callable)", [{"_target_": "any"}], ["relu", [1]]),
    (Any, "a part (Any)", [1, "a", None, []], []),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "words", "good", "bad"), KINDS, ids=[words for _, words, _, _ in KINDS])
def test_values_that_an_annotation_takes_and_values_that_it_does_not(hint, words, good, bad):
    assert in_words(hint) == words
    assert [value for value in good if not fits(value, hint)] == []
    assert [value for value in bad if fits(value, hint)] == []


WRONG = {
    "a word for a number": (["optimizer.lr=abc"], "optimizer.lr must be a finite number .*, not 'abc'"),
    "not a number": (["optimizer.weight_decay=nan"], "optimizer.weight_decay must be a finite number, not nan"),
    "half an epoch": (["backbone.drop_rate=[0.5]"], r"backbone.drop_rate must be a finite number, not \[0.5\]"),
    "neither true nor false": (["backbone.pretrained=maybe"], "backbone.pretrained must be true or false"),
    "a part of a part": (
        ["loss/snr_term=distance", "loss.snr_term.beta=x"], "loss.snr_term.beta must be a finite number, not 'x'",
    ),
    "a number for a list": (
        ["curriculum=snr", "curriculum.coming=0.5"], "curriculum.coming must be a list of finite numbers, not 0.5",
    ),
    "a list of other things": (["dataset.snrs=[0,abc]"], r"dataset.snrs must be a list .*, not \[0, 'abc'\]"),
    "too many": (
        ["head=dual_layer", "head.snr.widths=[1,2,3]"], "head.snr.widths must be a list of 2 whole numbers",
    ),
    "deep down": (
        ["perturbation.available.cluster.blur=x"], "perturbation.available.cluster.blur must be a finite number",
    ),
    "the trainer": (["trainer.gradient_clip=nan"], "trainer.gradient_clip must be a finite number, not nan"),
    "the task": (["task.objective=3"], "task.objective must be a word or a list of words, not 3"),
    "an unknown key": (
        ["+optimizer.momentun=0.9"], "optimizer.momentun: AdamW takes no momentun; it takes lr, betas",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("overrides", "words"), WRONG.values(), ids=WRONG)
def test_a_value_of_the_wrong_kind_is_one_sentence_before_work(overrides, words, tmp_path):
    with pytest.raises(UserError, match=f"^{words}"):
        parts_of(tiny(*overrides), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_target_that_is_not_trusted_is_not_even_imported(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": "trap.Part", "width": "x"}
    with pytest.raises(
        UserError, match=r"^backbone: .*, and trap.Part is of another; .* AMC_XAI_TRUST='trap\.\*' "
    ):
        check_arguments(node, "backbone", ("amc_xai.*",))
    with pytest.raises(SystemExit):
        check_arguments(node, "backbone", ("amc_xai.*", "trap.*"))


def test_a_part_that_takes_anything_or_tells_nothing_is_left_alone():
    class Open:
        def __init__(self, known: int = 1, **rest): ...

    __import__("sys").modules[__name__].Open = Open
    check_arguments({"_target_": f"{__name__}.Open", "known": 2, "more": "x"}, "a", ("*",))
    with pytest.raises(UserError, match=r"^a\[1\]\.known must be a whole number, not 'x'"):
        check_arguments([0, {"_target_": f"{__name__}.Open", "known": "x"}], "a", ("*",))
    check_arguments({"_target_": "builtins.dict", "x": 1}, "a", ("*",))
