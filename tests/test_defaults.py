"""Values stand in ``conf/`` alone: the schema has none, and a part's Python defaults are those of its file."""

import inspect
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from pathlib import Path

import omegaconf
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from amc_xai import config
from amc_xai.__main__ import config_folder
from amc_xai.errors import UserError
from amc_xai.signal import Channel
from amc_xai.training import TrainerOptions

CONF = Path(config_folder())
# What makes a file another choice than its class by itself.
MEANT = {
    ("backbone/cumulants", "samples_per_symbol"),  # the frames' own in a run; in Python, none are at hand
    ("dataset/radioml2016", "variant"),
    ("dataset/radioml2016b", "variant"),
    ("dataset/radioml2016c", "variant"),
    ("head/bottleneck_128", "snr.width"),
    ("loss/modulation_only", "snr"),
    ("loss/snr_only", "modulation"),
    ("perturbation/pis", "available.random_matched.of"),  # named by its target, in Python by the class
    ("perturbation/pis", "available.diagonal_symbols.degrees"),
    *(("perturbation/pis", f"available.{name}_symbols.largest") for name in ("outer", "stray", "last", "turning")),
}


def targets(node: DictConfig, where: str = ""):
    """Every mapping with a ``_target_`` of this package, and where it stands."""
    if str(node.get("_target_", "")).startswith("amc_xai."):
        yield where, node
    for key in node:
        value = node._get_node(key)
        if isinstance(value, DictConfig) and not value._is_none():
            yield from targets(value, f"{where}{key}.")


def plain(value):
    value = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", sorted(CONF.glob("**/*.yaml")), ids=lambda path: str(path.relative_to(CONF))[:-5])
def test_a_part_made_in_python_is_the_one_that_its_file_makes(path):
    for where, node in targets(OmegaConf.load(path)):
        if "_args_" in node:
            continue
        parameters = inspect.signature(get_object(node._target_)).parameters
        for key in set(node) & set(parameters):
            default, value = parameters[key].default, node._get_node(key)
            if default is inspect.Parameter.empty or value._is_interpolation():
                continue
            if (str(path.relative_to(CONF))[:-5], where + key) in MEANT:
                continue
            found = plain(value if OmegaConf.is_config(value) else value._value())
            if key == "channel":  # of the synthetic set: None is the channel by itself
                found, default = Channel(**found), Channel()
            assert found == plain({} if default is None and found == {} else default), f"{where}{key}"


def test_the_schema_states_types_and_no_values():
    for schema in (config.Config, config.TrainerConfig):
        for field in fields(schema):
            grouped = field.default is NO_DEFAULT  # a group, empty until its file fills it
            assert grouped or field.default == omegaconf.MISSING or field.name == "_target_"
    keys = set(OmegaConf.load(CONF / "trainer/default.yaml"))
    assert keys - {"_target_"} == {field.name for field in fields(TrainerOptions)}
    assert keys == {field.name for field in fields(config.TrainerConfig)}
    with initialize_config_dir(str(CONF)):
        cfg = compose("config")
        assert not OmegaConf.missing_keys(cfg)
        cfg.trainer.ema = omegaconf.MISSING
        with pytest.raises(UserError, match=r"^trainer\.ema has no value; begin a trainer file of your own with"):
            config.check(cfg)
