"""The published form of a network: its features and one softmax layer."""

import pytest


@pytest.fixture
def published_parameters():
    """Parameters of ``network((2, length))`` with the published head, one ``Linear(num_features, classes)``."""

    def count(network, classes, length):
        backbone = network((2, length))
        return sum(p.numel() for p in backbone.parameters()) + (backbone.num_features + 1) * classes

    return count
