"""Every YAML of every group composes, instantiates and takes one training step at a tiny size."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai import config
from amc_xai.__main__ import config_folder
from amc_xai.loss import Target
from amc_xai.parts import GROUPS, Parts, make_parts
from amc_xai.tasks import train
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import parameter_groups
from tests.conftest import tiny

CONF = Path(config_folder())
# What a choice needs besides its name; every other YAML works with the tiny defaults as it is.
NEEDS = {
    "backbone/timm": ["backbone.name=test_vit"],
    "backbone/tiny": ["representation.image_size=32"],
    "dataset/split_hdf5": ["dataset.path={store}"],
    "dataset/radioml2018": ["dataset.path={brought}/gold.hdf5"],
    "dataset/radioml2016a": ["dataset.path={brought}/a.pkl"],
    "dataset/radioml2016b": ["dataset.path={brought}/b.pkl"],
    "dataset/recordings": [
        "dataset.path={brought}/recordings",
        "dataset.labels={brought}/labels.csv",
        "dataset.sample_rate=1e6",
    ],
    "tracker/wandb": [],
}
# No step of training of their own: jobs (tests/test_cli.py runs them), whole experiments (below), searches.
# Pictures and the representation that passes them on go together, in a test of their own.
PICTURES = {"dataset/images", "representation/none"}
ELSEWHERE = {"task", "experiment", "hparams_search", "hydra"}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def training_choices() -> list[str]:
    groups = {str(path.parent.relative_to(CONF)) for path in CONF.glob("**/*.yaml")} - {"."}
    return [
        f"{group}/{name}"
        for group in sorted(groups)
        if group.split("/")[0] not in ELSEWHERE
        for name in choices(group)
        if f"{group}/{name}" not in PICTURES
    ]


@pytest.fixture(scope="module")
def brought(tmp_path_factory) -> Path:
    """What people bring: a RadioML 2018.01A file, both RML2016 pickles, labelled recordings; all tiny."""
    import pickle

    import h5py
    import numpy as np

    root, rng = tmp_path_factory.mktemp("brought"), np.random.default_rng(0)
    cell = np.repeat(np.arange(624), 10)
    with h5py.File(root / "gold.hdf5", "w") as file:
        file["X"] = rng.standard_normal((6240, 128, 2), np.float32)
        file["Y"] = np.eye(24, dtype=np.int64)[cell // 26]
        file["Z"] = (-20 + 2 * (cell % 26))[:, None]
    classes = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]
    cells = {(m, s): rng.standard_normal((10, 2, 128), np.float32) for m in classes for s in (0, 20)}
    (root / "a.pkl").write_bytes(pickle.dumps(cells, 2))
    (root / "b.pkl").write_bytes(pickle.dumps({k: v for k, v in cells.items() if k[0] != "AM-SSB"}, 2))
    (root / "recordings").mkdir()
    lines = ["file,start,stop,modulation,snr"]
    for m, s in (("BPSK", 0), ("BPSK", 20), ("QPSK", 0), ("QPSK", 20)):
        rng.standard_normal(2560, np.float32).tofile(root / "recordings" / f"{m}{s}.cf32")
        lines.append(f"{m}{s}.cf32,,,{m},{s}")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A split store of the tiny set."""
    from amc_xai.data import Synthetic
    from amc_xai.data.split_hdf5 import write_cell

    root = tmp_path_factory.mktemp("store")
    source = Synthetic(["BPSK", "QPSK"], [0, 20], frames_per_cell=10, frame_length=128)
    for m, modulation in enumerate(source.modulations):
        for s, snr in enumerate(source.snrs):
            cell = ((source.modulation_index == m) & (source.snr_index == s)).nonzero()[0]
            write_cell(root, modulation, snr, source.read(cell).numpy(), {})
    return root


def parts_of(overrides: list[str], folder: Path) -> Parts:
    config.register()
    with initialize_config_dir(str(CONF)):
        cfg = compose("config", overrides)
        config.check(cfg)
        return make_parts(cfg, folder, overrides)


def one_step(parts: Parts) -> None:
    """Forward, backward and an optimizer step on four frames; every parameter must have got a gradient."""
    bench = Workbench.build(parts)
    network = bench.classifier.network.train()
    loss = parts.make["loss"](bench.classifier.snrs)
    optimizer = parts.make["optimizer"](parameter_groups(network, loss))
    batch = next(iter(bench.evaluation_batches(bench.split.train[:4])))
    prediction = bench.classifier(batch.iq)
    terms = loss(prediction, Target(batch.modulation, batch.snr))
    terms.total.backward()
    assert terms.total.isfinite()
    assert not [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    optimizer.step()
    assert all(p.isfinite().all() for p in network.parameters())


def test_every_group_is_wired():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} - ELSEWHERE == set(GROUPS)


@pytest.mark.parametrize("choice", training_choices())
def test_one_training_step(choice, store, brought, tmp_path):
    group, name = choice.rsplit("/", 1)
    needs = [need.format(store=store, brought=brought) for need in NEEDS.get(choice, [])]
    parts = parts_of(tiny(f"{group}={name}", *needs), tmp_path)
    if group == "backbone":
        # The step alone: writing a gigabyte of checkpoint for each of the large ones would take most of the time.
        one_step(parts)
        return
    assert 0 <= train.run(parts, test_after=False, explain_after=False) <= 1
    assert (tmp_path / "checkpoints" / "last.pt").is_file()


def test_pictures_train_with_the_representation_that_passes_them_on(tmp_path):
    from amc_xai.data import Synthetic
    from amc_xai.data.conversion import write_cells
    from amc_xai.representation import Constellation
    from amc_xai.tasks.images import PngWriter

    source = Synthetic(["BPSK", "QPSK"], [0, 20], frames_per_cell=10, frame_length=128)
    list(write_cells(source, PngWriter(Constellation(32), None, 0), tmp_path / "pictures", {}))
    given = ["dataset=images", f"dataset.path={tmp_path}/pictures", "dataset.channels=[trajectory]"]
    given += ["representation=none", "backbone=timm", "backbone.name=test_resnet", "device=cpu"]
    parts = parts_of([*given, "trainer.epochs=1", "trainer.batch_size=16"], tmp_path)
    assert 0 <= train.run(parts, test_after=False, explain_after=False) <= 1


@pytest.mark.parametrize("name", choices("experiment"))
def test_experiment_takes_a_step_on_synthetic_frames(name, tmp_path):
    given = [f"experiment={name}", "dataset=synthetic", "task.test_after=false", "task.explain_after=false"]
    parts = parts_of(tiny(*given), tmp_path)
    assert 0 <= train.run(parts, test_after=False, explain_after=False) <= 1


def test_paper_settings_are_the_published_ones(tmp_path):
    with initialize_config_dir(str(CONF)):
        main, full = (
            OmegaConf.to_container(compose("config", [f"experiment={name}", "dataset=synthetic"]), resolve=True)
            for name in ("paper_272", "paper_442")
        )
    for settings, backbone, batch, snrs in ((main, "resnet50", 256, 16), (full, "swin_tiny", 32, 26)):
        assert settings["backbone"]["name"].startswith(backbone)
        assert settings["trainer"]["batch_size"] == batch and settings["trainer"]["epochs"] == 100
        assert len(settings["dataset"]["modulations"]) == 17 and len(settings["dataset"]["snrs"]) == snrs
        assert settings["representation"]["image_size"] == 224
        assert settings["representation"]["_target_"].endswith("Constellation")
        assert settings["optimizer"] == {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1e-4,
            "weight_decay": 1e-5,
        }
        assert settings["extractor"]["dropout"] == 0.3
        assert settings["split"]["ratios"] == [0.8, 0.1, 0.1]


@pytest.mark.parametrize("name", choices("hparams_search"))
def test_search_composes_with_any_dataset_and_experiment(name, store):
    with initialize_config_dir(str(CONF)):
        cfg = compose(
            "config",
            [f"hparams_search={name}", "experiment=paper_272", f"dataset.path={store}"],
            return_hydra_config=True,
        )
    assert cfg.hydra.sweeper.n_trials > 0 and "params" in cfg.hydra.sweeper
