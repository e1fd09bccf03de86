"""The modulation classes, by name and in order. Imports no torch, so that configs and reports can use it."""

MODULATIONS: tuple[str, ...] = (
    "OOK",
    "4ASK",
    "8ASK",
    "BPSK",
    "QPSK",
    "8PSK",
    "16PSK",
    "32PSK",
    "16APSK",
    "32APSK",
    "64APSK",
    "128APSK",
    "16QAM",
    "32QAM",
    "64QAM",
    "128QAM",
    "256QAM",
    "AM-SSB-WC",
    "AM-SSB-SC",
    "AM-DSB-WC",
    "AM-DSB-SC",
    "FM",
    "GMSK",
    "OQPSK",
)
"""The 24 classes of RadioML 2018.01A in the order of its label columns (the `classes.txt` that ships with
the data set lists another, wrong one)."""

ANALOG: tuple[str, ...] = ("AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC", "FM")
"""Analog classes: a message in place of symbols."""

LINEAR: tuple[str, ...] = tuple(name for name in MODULATIONS if name not in ANALOG and name != "GMSK")
"""Linearly modulated classes: constellation points times a pulse (OQPSK: with Q half a symbol late)."""

DIGITAL_17: tuple[str, ...] = tuple(name for name in LINEAR if name != "OOK")
"""The 17 digital classes of the joint modulation and SNR grid: all but OOK, GMSK and the analog five."""

SNRS_RADIOML: tuple[int, ...] = tuple(range(-20, 31, 2))
"""The 26 SNRs of RadioML 2018.01A in dB."""
