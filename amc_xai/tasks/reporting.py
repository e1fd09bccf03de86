"""The report of a run: figures and page from the files that it left, and the table that closes it."""

import logging

from amc_xai.evaluation import chance
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)


def report(bench: Workbench, values: dict | None) -> None:
    """Figures and page from the files of the run; closes with the table and the path of what to open."""
    if not bench.accelerator.is_main_process:
        return
    # Here and not above: what draws takes a second to import, and no training waits for it.
    from amc_xai.report import draw_figures, summary_table, write_page

    folder = bench.parts.folder
    figures = draw_figures(folder)
    page = write_page(folder)
    if values is not None:
        log.info("\n%s\n", summary_table(values, chance(values)))
    log.info("%d figures in %s; open %s", len(figures), folder / "figures", page)
