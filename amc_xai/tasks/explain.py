"""``task=explain``: what a checkpoint's answers hang on."""

from amc_xai.parts import Parts
from amc_xai.tasks.attributing import explain_by_attribution
from amc_xai.tasks.attribution_methods import check_methods
from amc_xai.tasks.evidence import weigh_evidence
from amc_xai.tasks.explaining import explain
from amc_xai.tasks.next_step import after_explanation
from amc_xai.tasks.perturbing import check_explainable
from amc_xai.tasks.reporting import report
from amc_xai.tasks.testing import test
from amc_xai.tasks.tracked import track_test, tracked
from amc_xai.tasks.workbench import Workbench


def run(parts: Parts, name: str = "explain", part: str = "test", needs_checkpoint: bool = True) -> None:
    """Test and explain on ``part`` (train, validation, test or all)."""
    for plan in ("perturbation", "attribution"):
        parts.make[plan].chosen()  # what is wrong with one is said before the test
    bench = Workbench.build(parts)
    check_explainable(bench)
    indices = bench.split.part(part)
    check_methods(bench, indices)
    with tracked(bench) as tracker:
        values = test(bench, indices)
        explain(bench, indices)
        explain_by_attribution(bench, indices)
        weigh_evidence(bench, indices)
        report(bench, values)
        track_test(tracker, bench, values)
    if bench.accelerator.is_main_process:
        after_explanation(bench)
