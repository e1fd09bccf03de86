"""The fuzz notices a reader that does what none may."""

import os
from pathlib import Path

import pytest

from tests.fuzz import case
from tests.fuzz.case import MARK, Case, outcome


def beside(folder: Path) -> None:
    (folder.parent / "unpacked").write_bytes(b"")


def within(folder: Path) -> None:
    (folder / "cache").write_bytes(b"")


def over(folder: Path) -> None:
    (folder / "set.pkl").write_bytes(b"other")


def run(folder: Path) -> None:
    os.mkdir(MARK)


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "found afterwards"])
@pytest.mark.parametrize("fault", [beside, within, over, run])
def test_a_reader_that_writes_is_caught(fault, heard, monkeypatch, tmp_path):
    """By Python's audit events, which tell nothing of what libraries do, or by what it left."""
    if not heard:
        monkeypatch.setattr(case.Watch, "_hear", lambda *_: None)
        monkeypatch.setattr(case, "_watch", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(case, "factory", lambda _, folder: (lambda: fault(folder), {}))
    monkeypatch.setattr(case, "read", lambda source: None)
    with pytest.raises(AssertionError):
        outcome(Case({"set.pkl": b"bytes"}, "radioml2016", {"path": "set.pkl"}))


def test_a_reader_that_reads_is_not(monkeypatch):
    monkeypatch.setattr(case, "factory", lambda _, folder: ((folder / "set.pkl").read_bytes, {}))
    monkeypatch.setattr(case, "read", lambda source: None)
    assert outcome(Case({"set.pkl": b"bytes"}, "radioml2016", {"path": "set.pkl"}))[0] == "frames"
