"""The page of a whole run: no text over text in its figures, and in a browser it stands at every width.

Takes some 25 s: some forty figures of the default size are drawn, once.
"""

import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import matplotlib.text
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amc_xai.report.attribution_maps import attribution_by_snr
from amc_xai.report.figures import build_figures
from amc_xai.report.gallery import Gallery
from amc_xai.report.page import write_page
from amc_xai.report.page_figures import CAPTIONS, kind_of
from amc_xai.report.perturbation import pis_by_fraction
from amc_xai.report.perturbation_maps import (
    f1_by_fraction,
    perturbation_maps,
    perturbed_confusions,
    published_shares,
)
from amc_xai.report.style import look, write_figure
from tests.report.whole_run import CHANNELS, LABELS, TASKS, f1_row, mask_row, write_whole_run

WIDTHS = (360, 1280, 1920)
SLACK = 1.0  # pixels by which boxes may meet: a box is higher than the letters in it


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """The run folder with its page, and by figure the texts that lie over each other."""
    folder = write_whole_run(tmp_path_factory.mktemp("whole"))
    met = {}
    for name, figure in build_figures(folder):
        # Before it is written: laid out anew, things may lie elsewhere than in the file.
        met[name] = overlaps(figure)
        write_figure(figure, folder / "figures" / f"{name}.png")
    write_page(folder)
    return folder, met


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of visible texts whose boxes lie over each other."""
    with look():
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        boxes, undrawn = [], hidden(figure)
        for text in figure.findobj(matplotlib.text.Text):
            # The box of a slanted text holds more than the text.
            if not text.get_visible() or not text.get_text().strip() or text.get_rotation() % 90:
                continue
            if id(text) in undrawn:
                continue
            boxes.append((text.get_text(), text.get_window_extent(renderer)))
    return [
        (a, b)
        for (a, one), (b, other) in itertools.combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > SLACK
        and min(one.y1, other.y1) - max(one.y0, other.y0) > SLACK
    ]


def hidden(figure: Figure) -> set[int]:
    """The ids of the texts that belong to an axes, or a tick, that isn't drawn."""
    found: set[int] = set()
    for axes in figure.findobj(Axes):
        if not axes.get_visible():
            found |= {id(text) for text in axes.findobj(matplotlib.text.Text)}
        for axis in (axes.xaxis, axes.yaxis):
            # A tick's labels don't know their axes.
            ticks = {
                id(label) for tick in (*axis.majorTicks, *axis.minorTicks) for label in (tick.label1, tick.label2)
            }
            drawn = axis._update_ticks() if axes.axison else []  # the ticks within the limits
            found |= ticks - {id(label) for tick in drawn for label in (tick.label1, tick.label2)}
            if not axes.axison:
                found.add(id(axis.label))
    return found


def test_the_check_finds_texts_that_lie_over_each_other():
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.1, 0.5, "one thing")
    axes.text(0.12, 0.5, "another")
    axes.text(0.1, 0.9, "far off")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    assert overlaps(figure) == [("one thing", "another")]
    # Ticks beyond the limits aren't drawn; of those that are none is passed over.
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yticks([])
    axes.set_xticks([0, 1, 1.001, 9], ["left", "right", "too near", "beyond"])
    axes.set_xlim(0, 1.1)
    axes.annotate("at the end", (9, 0), xycoords=("data", "axes fraction"), annotation_clip=False)
    assert overlaps(figure) == [("right", "too near")]


def test_no_text_of_a_figure_lies_over_another(whole_run):
    _, met = whole_run
    # Every kind that a training and an explanation leave; not those of other tasks and representations.
    elsewhere = {
        "attribution_points", "attribution_samples", "constellation_grid", "gate_by_snr", "limits_by_snr",
        "pis_by_fraction", "pis_published", "inspection_power", "inspection_spectrogram", "inspection_spectrum",
        "inspection_values",
    }  # fmt: skip
    assert {kind_of(name) for name in met} == set(CAPTIONS) - elsewhere
    assert {name: pairs for name, pairs in met.items() if pairs} == {}


@pytest.mark.parametrize("labels", [{"modulation": ["BPSK", "QPSK"], "snr": [0.0, 20.0]}, LABELS])
def test_nor_where_many_shares_were_masked_or_classes_are_two(labels, tmp_path):
    rng = np.random.default_rng(0)
    fractions = (0.001, 0.01, 0.02, 0.05, 0.1, 0.5)
    selectors = ("top", "bottom", "random", "annulus_0.25", "published_top", "published_bottom")
    masks = [(selector, channel, share) for selector in selectors for channel in CHANNELS for share in fractions]
    rows = [mask_row(rng, *mask, task) for mask in masks for task in TASKS]
    figures = {
        "pis": pis_by_fraction(rows),
        "published": published_shares(rows),
        "f1": f1_by_fraction([f1_row(rng, *mask) for mask in masks]),
    }
    write_whole_run(tmp_path, labels)
    figures |= {name: figure for name, figure in perturbation_maps(tmp_path)}
    with np.load(tmp_path / "perturbed_confusions.npz") as file:
        of_masks = ("selector", "operator", "channel", "nominal_fraction", "modulation", "snr")
        one = {name: array[:1] if name in of_masks else array for name, array in file.items()}
    figures |= {f"one mask, {task}": perturbed_confusions(one, task) for task in ("modulation", "snr")}
    figures["maps"] = attribution_by_snr(Gallery.load(tmp_path / "gallery.npz"), "symbols")
    assert {name: pairs for name, figure in figures.items() if (pairs := overlaps(figure))} == {}


def chromium() -> str:
    """The browser's path; without one the test says so."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            started = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
            if started.returncode:
                pytest.skip(f"{name} doesn't start: {started.stderr.strip()}")
            return found
    pytest.skip("Chromium isn't installed (Debian: apt-get install chromium)")


class Browser:
    """A headless Chromium, spoken to through its debugging pipe: JSON, a zero byte after each message."""

    def __init__(self, folder: str):
        (theirs_in, self._out), (self._in, theirs_out) = os.pipe(), os.pipe()
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-first-run", "--disable-background-networking", f"--user-data-dir={folder}",
            "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", chromium(), *options],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._left, self.events = 0, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    session: str | None = None

    def call(self, method: str, **params) -> dict:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event: str) -> None:
        """Wait for an event of the page."""
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self._read())

    def evaluate(self, expression: str):
        """The value of a JavaScript expression; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def click(self, box: dict) -> None:
        """Press and release the mouse in the middle of a box, as far as it lies in the window."""
        x, y = (box["left"] + box["right"]) / 2, (max(box["top"], 0) + min(box["bottom"], 900)) / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def complaints(self) -> list[dict]:
        """What the console was told: errors, warnings and exceptions."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event for event in self.events if event.get("method") in kinds]

    def _read(self) -> dict:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], 60)
            part = os.read(self._in, 1 << 16) if ready else b""
            assert part, "Chromium has gone, or said nothing for a minute"
            self._left += part
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def browser():
    chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        opened = Browser(folder)
        yield opened
        opened.close()


IMAGES = """(async () => {
  const images = [...document.images];
  await Promise.all(images.map(image => image.decode()));
  return images.map(image => [image.naturalWidth, image.getBoundingClientRect().width]);
})()"""


def box_of(selector: str) -> str:
    """An expression for where an element lies in the window."""
    return f"document.querySelector('{selector}').getBoundingClientRect().toJSON()"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_stands_in_a_browser(whole_run, browser, width):
    folder, met = whole_run
    browser.events.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Page.navigate", url=Path(folder / "report.html").as_uri())
    browser.wait_for("Page.loadEventFired")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width  # no horizontal scroll of the page
    assert browser.evaluate("window.innerWidth") == width
    images = browser.evaluate(IMAGES)
    assert len(images) == len(met) and all(natural > 0 for natural, _ in images)
    # On a phone a figure scrolls within its frame, so that its text stays large enough to read.
    assert all(shown >= min(natural, 640) - 1 for natural, shown in images)
    if width == 360:
        assert all(shown >= 0.6 * natural - 1 for natural, shown in images)
    assert browser.evaluate("document.querySelectorAll('.answers li').length") in range(3, 7)
    assert browser.evaluate("document.querySelectorAll('figure label.zoom img').length") == len(met)
    # A click opens the figure over the whole window and larger than before, a second one closes it.
    image, sheet = (box_of(f"#channels {part}") for part in ("img", ".sheet"))
    before = browser.evaluate(image)
    browser.evaluate("document.querySelector('#channels').scrollIntoView({block: 'center'})")
    small = browser.evaluate(sheet)
    browser.click(browser.evaluate(sheet))
    opened = browser.evaluate(sheet)
    assert (opened["x"], opened["y"], opened["width"], opened["height"]) == (0, 0, width, 900)
    natural = browser.evaluate("document.querySelector('#channels img').naturalWidth")
    large = browser.evaluate(image)["width"]
    assert large > 1.05 * before["width"] and large >= natural - 1
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.click(opened)
    assert browser.evaluate(sheet) == small
    time.sleep(0.1)
    assert browser.complaints() == []
