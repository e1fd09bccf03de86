import subprocess
import sys

from amc_xai.signal.classes import ANALOG, DIGITAL_17, LINEAR, MODULATIONS, SNRS_RADIOML


def test_counts_of_the_published_grid():
    assert len(MODULATIONS) == len(set(MODULATIONS)) == 24
    assert len(DIGITAL_17) * len(SNRS_RADIOML) == 442
    assert len(DIGITAL_17) * sum(snr >= 0 for snr in SNRS_RADIOML) == 272


def test_families_partition_the_classes():
    assert set(LINEAR) | set(ANALOG) | {"GMSK"} == set(MODULATIONS)
    assert len(LINEAR) + len(ANALOG) + 1 == 24
    assert set(LINEAR) - set(DIGITAL_17) == {"OOK"}


def test_label_columns_of_radioml():
    columns = {"OOK": 0, "BPSK": 3, "16APSK": 8, "256QAM": 16, "AM-SSB-WC": 17, "FM": 21, "OQPSK": 23}
    assert {name: MODULATIONS.index(name) for name in columns} == columns


def test_classes_import_no_torch():
    code = "import sys, amc_xai.signal.classes, amc_xai.signal; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_package_offers_every_name_it_lists():
    import amc_xai.signal as signal

    assert signal.MODULATIONS is MODULATIONS
    assert all(getattr(signal, name) is not None for name in signal.__all__)
