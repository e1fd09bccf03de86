"""The page of a whole run: no text over text in its figures, and in a browser it stands at every width.

Takes some 20 s: some thirty figures of the default size are drawn, once.
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
import pytest
from matplotlib.figure import Figure

from amc_xai.report.figures import build_figures
from amc_xai.report.page import write_page
from amc_xai.report.style import look, write_figure
from tests.report.whole_run import write_whole_run

WIDTHS = (360, 1280, 1920)
SLACK = 1.0  # pixels by which boxes may meet: a box is higher than the letters in it


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """The run folder with its page, and by figure the texts that lie over each other."""
    folder = write_whole_run(tmp_path_factory.mktemp("whole"))
    met = {}
    for name, figure in build_figures(folder):
        write_figure(figure, folder / "figures" / f"{name}.png")
        met[name] = overlaps(figure)
    write_page(folder)
    return folder, met


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of visible texts whose boxes lie over each other."""
    with look():
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        boxes = []
        for text in figure.findobj(matplotlib.text.Text):
            # The box of a slanted text holds more than the text.
            if not text.get_visible() or not text.get_text().strip() or text.get_rotation() % 90 or hidden(text):
                continue
            boxes.append((text.get_text(), text.get_window_extent(renderer)))
    return [
        (a, b)
        for (a, one), (b, other) in itertools.combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > SLACK
        and min(one.y1, other.y1) - max(one.y0, other.y0) > SLACK
    ]


def hidden(text: matplotlib.text.Text) -> bool:
    """Whether a text belongs to an axes, or a tick, that isn't drawn."""
    axes = text.axes
    if axes is None:
        return False
    if not axes.get_visible():
        return True
    for axis in (axes.xaxis, axes.yaxis):
        ticks = {
            id(label) for tick in (*axis.majorTicks, *axis.minorTicks) for label in (tick.label1, tick.label2)
        }
        if id(text) in ticks:
            drawn = axis._update_ticks()  # the ticks within the limits
            shown = {id(label) for tick in drawn for label in (tick.label1, tick.label2) if label.get_visible()}
            return not axes.axison or id(text) not in shown
    return not axes.axison and text in (axes.xaxis.label, axes.yaxis.label)


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


def test_no_text_of_a_figure_lies_over_another(whole_run):
    _, met = whole_run
    assert len(met) > 20
    assert {name: pairs for name, pairs in met.items() if pairs} == {}


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
    # A click opens the figure over the whole window, a second one closes it.
    label = "document.querySelector('#channels label')"
    sheet = "document.querySelector('#channels .sheet').getBoundingClientRect()"
    before = browser.evaluate(f"{sheet}.width")
    browser.evaluate(f"{label}.click()")
    assert browser.evaluate(f"{sheet}.width") == width and browser.evaluate(f"{sheet}.height") == 900
    assert browser.evaluate(f"{label}.querySelector('img').getBoundingClientRect().width") >= min(width - 48, 640)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.evaluate(f"{label}.click()")
    assert browser.evaluate(f"{sheet}.width") == before
    time.sleep(0.1)
    assert browser.complaints() == []
