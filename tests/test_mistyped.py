"""What Hydra refuses in a command line: one sentence, which names the nearest thing that exists."""

import pytest

from tests.conftest import tiny

SAID = {
    "a key of another group": (["trainer.lr=1"], "trainer.lr: there is no such key; did you mean optimizer.lr?"),
    "a key without its group": (["lr=3e-4"], "lr: there is no such key; did you mean optimizer.lr?"),
    "another program's key": (["learning_rate=1"], "learning_rate: *did you mean optimizer.lr?"),
    "a misspelt key": (
        ["dataset.moduations=[QPSK]"], "dataset.moduations: * did you mean dataset.modulations?",
    ),
    "deep down": (
        ["dataset.channel.multipat=rayleigh"],
        "dataset.channel.multipat: there is no such key; did you mean dataset.channel.multipath?",
    ),
    "one for several": (["snr=[0]"], "snr: there is no such key; did you mean dataset.snrs?"),
    "of init": (["init.paht=x"], "init.paht: there is no such key; did you mean init.path?"),
    "of Hydra": (["hydra.swep.dir=x"], "hydra.swep.dir: there is no such key; did you mean hydra.sweep.dir?"),
    "a key of another choice": (
        ["optimizer.momentum=0.9"],
        "optimizer.momentum is a key of optimizer=sgd, which isn't chosen; choose it, or leave the key out",
    ),
    "a key of another choice, misspelt": (
        ["hydra.sweeper.n_trails=3"],
        "hydra.sweeper.n_trails: * did you mean hydra.sweeper.n_trials (of hydra/sweeper=study)?",
    ),
    "a key like no other": (
        ["scheduler.xyzzy=3"],
        "scheduler.xyzzy: there is no such key; scheduler has *; a key that a part of your own takes is added "
        "with +scheduler.xyzzy=3",
    ),
    "a word like no other": (["xyzzy=3"], "xyzzy: there is no such key; * and the groups are *"),
    "a misspelt group": (["backbon=resnet18"], "backbon: there is no such key; did you mean backbone?"),
    "a group by another name": (["model=resnet18"], "model: * did you mean backbone=resnet18?"),
    "a group within one": (
        ["loss/snr_tern=ordinal"], "loss/snr_tern: there is no such group; did you mean loss/snr_term?",
    ),
    "a group within one, dotted": (
        ["perturbation.operators=zero"],
        "perturbation.operators: there is no such key; did you mean perturbation/operator?",
    ),
    "a misspelt choice": (
        ["backbone=resnet19"],
        "backbone: there is no resnet19 (did you mean resnet18?); choose from *; any network of timm goes as "
        "backbone=timm backbone.name=NAME",
    ),
    "a misspelt choice within": (
        ["loss/snr_term=ordinals"],
        "loss/snr_term: there is no ordinals (did you mean ordinal?); choose from cross_entropy, distance, "
        "mean_variance, ordinal",
    ),
    "a choice of another group": (
        ["representation=mcldnn"],
        "representation: there is no mcldnn; choose from *; it is a choice of another group: backbone=mcldnn",
    ),
    "a misspelt task": (["task=trian"], "task: there is no trian (did you mean train?); choose from calibrate, *"),
    "a word for a number": (["trainer.epochs=abc"], "trainer.epochs must be a whole number, not 'abc'"),
    "several values": (
        ["seed=0,1"],
        "seed=0,1 is several values: for one run each add -m (python -m amc_xai -m seed=0,1 *), for "
        "one list write 'seed=[0,1]'",
    ),
    "a range in one run": (
        ["optimizer.lr=interval(1,2)"],
        "optimizer.lr=interval(1,2) asks for several runs; the command is: python -m amc_xai -m "
        "'optimizer.lr=interval(1,2)' *",
    ),
    "a range without a search": (
        ["-m", "optimizer.lr=tag(log,interval(1,2))"],
        "a range of values (*) is for a search; add hydra/sweeper=study hydra.sweeper.study_name=NAME, or *",
    ),
    "a search without a name": (
        ["-m", "hydra/sweeper=study", "optimizer.lr=interval(1,2)"],
        "hydra.sweeper.study_name must be the study's name, such as hydra.sweeper.study_name=my_search",
    ),
    "a list that the shell took apart": (
        ["dataset.snrs=[0", "1]"],
        "dataset.snrs=[0 can't be read as KEY=VALUE (*); quote what holds spaces or brackets: 'KEY=[a,b]'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), SAID.values(), ids=SAID.keys())
def test_one_sentence_names_what_exists(cli, given, sentence):
    result = cli(*given)
    said = (result.out + result.err).strip().splitlines()
    assert result.code == 1 and len(said) == 1, said
    first, *rest = sentence.split("*")
    assert said[0].startswith(first)
    position = len(first)
    for part in rest:
        position = said[0].index(part, position) + len(part)
    assert "*" in sentence[-1:] or position == len(said[0])


NEAR = {
    "a class": (["dataset.modulations=[QPKS]"], "dataset.modulations: 'QPKS' is unknown (did you mean QPSK?); *"),
    "RadioML's name": (["dataset.modulations=[QAM16]"], "* is unknown (did you mean 16QAM?); choose from *"),
    "a selector": (["perturbation.selectors=[topp]"], "* no selector 'topp' (did you mean top?); choose from *"),
    "a network of timm": (["backbone.name=resnt26"], "* no model 'resnt26' (did you mean resnet26?); *"),
    "a key of a part": (["+trainer.epoch=3"], "trainer.epoch: * takes no epoch (did you mean epochs?); *"),
    "an objective": (["task.objective=validation_los"], "* no validation_los (did you mean validation_loss?); *"),
    "limits": (["limits=non"], "limits must be auto or none, not 'non' (did you mean none?)"),
    "a search without -m": (
        ["hparams_search=architecture", "optimizer.lr=choice(1)"],
        "optimizer.lr=choice(1) asks for several runs; *",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), NEAR.values(), ids=NEAR.keys())
def test_values_have_near_matches(cli, given, sentence):
    test_one_sentence_names_what_exists(cli, tiny(*given), sentence)
