"""The figure of task=stress has a panel for every impairment that the task can try."""

from amc_xai.data.stress import SWEEPS
from amc_xai.report.stress import TITLES, stress_figure


def test_every_strength_of_every_impairment_has_its_place():
    rows = [
        {
            "impairment": sweep.name, "strength": str(strength), "unit": sweep.unit, "task": "modulation",
            "accuracy": 0.5, "low": 0.4, "high": 0.6, "frames": 100, "inside_training": False,
        }
        for sweep in SWEEPS
        for strength in sweep.strengths
    ]  # fmt: skip
    panels = stress_figure(rows).axes
    assert len(panels) == len(SWEEPS)
    for sweep, axes in zip(SWEEPS, panels, strict=True):
        assert axes.get_title(loc="left").startswith(TITLES[sweep.name])
        ticks = [tick.get_text() for tick in axes.get_xticklabels()]
        assert len(ticks) == len(set(ticks)) == len(sweep.strengths) and all(ticks)
