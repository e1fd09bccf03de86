"""Where frames come from: the contract, the sources, the split, the batches."""

from amc_xai.data.arrays import Arrays
from amc_xai.data.batches import evaluation_loader, training_loader
from amc_xai.data.contracts import Batch, Facts, FrameSource, Origin, SamplerHooks
from amc_xai.data.fresh import FreshBatches
from amc_xai.data.images import Images
from amc_xai.data.radioml2016 import RadioML2016
from amc_xai.data.radioml2018 import RadioML2018
from amc_xai.data.recordings import Recordings
from amc_xai.data.split import Split, stratified_split, verify
from amc_xai.data.split_hdf5 import SplitHdf5
from amc_xai.data.synthetic import Synthetic

__all__ = [
    "Arrays",
    "Batch",
    "Facts",
    "FrameSource",
    "FreshBatches",
    "Images",
    "Origin",
    "RadioML2016",
    "RadioML2018",
    "Recordings",
    "SamplerHooks",
    "Split",
    "SplitHdf5",
    "Synthetic",
    "evaluation_loader",
    "stratified_split",
    "training_loader",
    "verify",
]
