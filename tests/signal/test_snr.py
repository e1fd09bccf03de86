import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal import Channel, draw_fresh, synthesise
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS
from amc_xai.signal.snr import (
    DEFINITIONS,
    check_definition,
    class_power,
    decibels_a_label,
    es_n0_db,
    es_n0_offset_db,
)

EIGHT = 10 * math.log10(8)


@pytest.mark.parametrize(
    ("snr", "definition", "modulation", "sps", "expected"),
    [
        (10, "es_n0", "QPSK", None, 10),
        (10, "es_n0", "FM", 8, 10),
        (10, "sample", "QPSK", 8, 10 + EIGHT),
        (10, "sample", "QPSK", 2.5, 10 + 10 * math.log10(2.5)),
        # The page of measured facts: label s is 2 s dB of power a sample for classes of unit power.
        (30, "radioml2018", "BPSK", 8, 60 + EIGHT),
        (0, "radioml2018", "16QAM", 8, EIGHT),
        (-4, "radioml2018", "8ASK", 8, -8 + 20 * math.log10(1.74) + EIGHT),
        (10, "radioml2016", "QPSK", 8, 25 + EIGHT),
        (10, "radioml2016", "PAM4", 8, 32 + EIGHT),
        (10, "radioml2016", "4ASK", 8, 32 + EIGHT),
        (10, "radioml2016", "QAM16", 8, 35 + EIGHT),
        (10, "radioml2016", "QAM64", 8, 42 + EIGHT),
    ],
)
def test_a_label_as_es_n0(snr, definition, modulation, sps, expected):
    assert es_n0_db(snr, definition, modulation, sps) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("definition", "modulation", "sps"),
    [
        ("sample", "QPSK", None),
        ("radioml2018", "QPSK", None),
        ("radioml2018", "FM", 8),
        ("radioml2018", "OOK", 8),
        ("radioml2016", "AM-SSB", 8),
        ("radioml2016", "8ASK", 8),
        (None, "QPSK", 8),
    ],
)
def test_what_was_not_measured_is_not_known(definition, modulation, sps):
    assert es_n0_db(10, definition, modulation, sps) is None
    assert es_n0_offset_db(definition, modulation, sps) is None


def test_every_class_of_radioml_2018_has_a_power_to_be_made_with():
    assert all(class_power("radioml2018", name) is not None for name in MODULATIONS)
    assert all(class_power("radioml2018", name).measured for name in DIGITAL_17)


def test_an_unknown_definition_names_its_key():
    with pytest.raises(
        UserError,
        match=r"^dataset\.snr_definition: 'eb_n0' is unknown .did you mean es_n0.., allowed are es_n0, sample",
    ):
        check_definition("eb_n0", "dataset.snr_definition")


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_synthetic_frames_have_the_es_n0_that_the_conversion_says(definition):
    # Signal power times samples a symbol over the noise's power a sample, both measured on the frames.
    channel = Channel(snr_definition=definition)
    names, label = ("BPSK", "16QAM", "4ASK"), 3.0
    index, snr = torch.arange(3).repeat(64), torch.full((192,), label)
    draws = draw_fresh(192, names, 1024, 8, channel, torch.Generator().manual_seed(0))
    made = synthesise(index, snr, draws, names, 1024, 8, channel)
    signal = made.clean.square().sum(1).mean(1)
    noise = (made.iq - made.clean).square().sum(1).mean(1)
    for row, name in enumerate(names):
        here = index == row
        found = 10 * math.log10(8 * signal[here].mean() / noise[here].mean())
        assert found == pytest.approx(es_n0_db(label, definition, name, 8), abs=0.25)
    step = decibels_a_label(definition)
    assert es_n0_db(4.0, definition, "BPSK", 8) - es_n0_db(3.0, definition, "BPSK", 8) == pytest.approx(step)
