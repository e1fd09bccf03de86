"""Train, measure against the limit, and explain networks that name a signal's modulation and SNR."""

__version__ = "0.1.0"
