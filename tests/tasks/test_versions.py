"""A network is refused where its representation has come to mean something else."""

import pytest
from torch import nn

from amc_xai import representation
from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.model import Classifier, Cumulants
from amc_xai.representation import Augmented, Constellation, Fusion, Iq
from amc_xai.tasks.versions import refuse_other_versions, versions_of


def test_every_representation_has_a_version():
    parts = [getattr(representation, name) for name in representation.__all__]
    parts = [part for part in parts if isinstance(part, type) and issubclass(part, nn.Module)]
    assert len(parts) > 7
    assert [part.__name__ for part in parts if not isinstance(part.version, int)] == []


def test_the_versions_of_all_parts_count():
    fusion = Fusion(Facts(64, 8.0), Augmented, Iq)
    classifier = Classifier(fusion, nn.Sequential(Cumulants((2, 64))), ["BPSK"], [0])
    assert versions_of(classifier) == {"Fusion": 1, "Augmented": 4, "Iq": 1, "Cumulants": 2}


@pytest.mark.parametrize(
    ("stored", "now", "refused"), [(1, 1, False), (None, 1, False), (1, 2, True), (None, 2, True), (2, 1, True)]
)
def test_another_version_is_refused_and_none_means_the_first(monkeypatch, stored, now, refused):
    monkeypatch.setattr(Constellation, "version", now)
    classifier = Classifier(Constellation(Facts(64)), nn.Identity(), ["BPSK"], [0])
    loaded = {"version": "0.1.0"} | ({} if stored is None else {"versions": {"Constellation": stored}})
    if refused:
        said = rf"^checkpoint: .* version {stored or 1} of Constellation, .* has version {now}, .*\(0.1.0\)$"
        with pytest.raises(UserError, match=said):
            refuse_other_versions(classifier, loaded, "checkpoint")
    else:
        refuse_other_versions(classifier, loaded, "checkpoint")


@pytest.mark.parametrize("how", ["task=evaluate checkpoint", "task=predict checkpoint", "resume"])
def test_no_task_reads_a_checkpoint_of_another_version(cli, trained, monkeypatch, how):
    now = Augmented.version
    monkeypatch.setattr(Augmented, "version", now + 1)
    file = "last.pt" if how == "resume" else "best.pt"
    done = cli(*f"{how}={trained}/checkpoints/{file}".split(), "trainer.epochs=2")
    assert done.code == 1
    key = how.split()[-1]
    told = f"{key}: its network was trained on version {now} of Augmented, and this release has version {now + 1}"
    assert told in done.out
    assert "Traceback" not in done.out + done.err
