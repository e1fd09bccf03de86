"""What the tasks share: data, classifier, device and run folder, wired from the parts."""

import logging
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from amc_xai import __version__
from amc_xai.data import Facts, FrameSource, FreshBatches, Split, evaluation_loader, training_loader, verify
from amc_xai.data.residency import resident
from amc_xai.errors import UserError, guess
from amc_xai.model import Classifier, MultiTaskNetwork
from amc_xai.parts import Parts
from amc_xai.perturbation import Donors
from amc_xai.tasks.facts import length_range, settle, told, trained_facts
from amc_xai.tasks.lengths import check_lengths
from amc_xai.tasks.starting import start_from
from amc_xai.tasks.teaching import make_teacher
from amc_xai.tasks.versions import refuse_other_versions, versions_of
from amc_xai.training import make_accelerator
from amc_xai.training.parallel import of_first_process

log = logging.getLogger(__name__)


@dataclass
class Workbench:
    """Everything built, nothing trained: a task takes it from here."""

    parts: Parts
    accelerator: Accelerator
    source: FrameSource
    split: Split
    classifier: Classifier
    facts: Facts
    """What is known of the frames, without what is only assumed."""
    said: set[str] = field(default_factory=set)
    """What the log has said of the explanation: it is tried before the work, and says all of it then."""
    donors: dict[bytes, Donors | None] = field(default_factory=dict)
    """The latest donors, by the frames that they are: each part of an explanation takes parts from the same."""

    @classmethod
    def build(cls, parts: Parts) -> "Workbench":
        """Build data and classifier; all that can be wrong with the input is found here.

        Raises:
            UserError: with one sentence that names the key.
        """
        options = parts.make["trainer"]
        accelerator = make_accelerator(parts.config["device"], options.precision)
        # All processes of one training share the first one's run folder.
        parts = replace(parts, folder=of_first_process(parts.folder, accelerator))
        set_seed(parts.seed)
        source = make_source(parts, accelerator.device)
        facts = settle(source, parts.loaded, "resume" if parts.config["resume"] is not None else "checkpoint")
        modulations, snrs = source.modulations, source.snrs
        if parts.loaded is not None:
            modulations, snrs = parts.loaded["modulations"], parts.loaded["snrs"]
            relabel(source, modulations, snrs)
        split = parts.make["split"](source.modulation_index, source.snr_index, origin=source.origin)
        verify(
            split,
            source.modulation_index,
            source.snr_index,
            modulations,
            snrs,
            parts.config["split"]["ratios"],
            source.origin,
        )
        classifier = make_classifier(parts, facts, modulations, snrs)
        check_lengths(classifier, source, accelerator.num_processes)
        if parts.loaded is not None:
            load_weights(classifier, parts)
        elif parts.initial is not None:
            start_from(classifier, parts, source)
        if parts.config["init"]["freeze"] == "backbone":
            classifier.network.freeze_backbone()
        return cls(parts, accelerator, source, split, classifier, facts)

    def training_batches(self):
        """Batches of the training part, or endless fresh ones where the source is asked for them."""
        options = self.parts.make["trainer"]
        rates = self.parts.make["curriculum"](self.classifier.snrs)
        teacher = make_teacher(self.parts, self.source, self.accelerator.device)
        if getattr(self.source, "endless", False):
            return FreshBatches(
                self.source,
                self.source.frames_per_epoch or len(self.split.train),
                options.batch_size,
                self.parts.seed,
                self.accelerator.device,
                rates,
                rank=self.accelerator.process_index,
                ranks=self.accelerator.num_processes,
                teacher=teacher,
            )
        return training_loader(
            self.source, self.split.train, options.batch_size, self.parts.seed, rates, options.workers,
            rank=self.accelerator.process_index, ranks=self.accelerator.num_processes,
        )  # fmt: skip

    def share(self, indices: np.ndarray) -> np.ndarray:
        """The part of these frames that falls to this process."""
        return indices[self.accelerator.process_index :: self.accelerator.num_processes]

    def evaluation_batches(self, indices: np.ndarray):
        """Batches of these frames in ascending order."""
        return evaluation_loader(self.source, indices, self.parts.make["trainer"].batch_size)

    def about(self) -> dict:
        """What makes a checkpoint describe itself."""
        return {
            "version": __version__,
            "config": self.parts.config,
            "modulations": list(self.classifier.modulations),
            "snrs": list(self.classifier.snrs),
            "split_seed": self.parts.config["split"]["seed"],
            "facts": asdict(self.facts),
            "frame_lengths": list(length_range(self.source)),
            "versions": versions_of(self.classifier),
        }


def make_source(parts: Parts, device: torch.device) -> FrameSource:
    """The source as configured, which keeps its frames where ``dataset.residency`` says."""
    options = parts.config["dataset"]
    source = parts.make["dataset"]()
    return resident(source, options.get("residency", "disk"), options.get("half_precision", False), device)


def make_classifier(parts: Parts, facts: Facts, modulations: list[str], snrs: list[float]) -> Classifier:
    """An untrained classifier as configured, for frames with these facts."""
    representation = parts.make["representation"](facts)
    # A network looks for symbols as it was trained to, whatever is known now.
    trained = facts if parts.loaded is None else trained_facts(parts.loaded)
    backbone = told(parts.make["backbone"], trained)(representation.output_shape(facts.frame_length))
    head = parts.make["head"]
    network = MultiTaskNetwork(
        backbone, parts.make["extractor"], head["modulation"], head["snr"], len(modulations), len(snrs)
    )
    return Classifier(representation, network, modulations, snrs)


def relabel(source: FrameSource, modulations: list[str], snrs: list[float]) -> None:
    """Give the source's labels the class indices of a checkpoint.

    Raises:
        UserError: if the data holds a class or an SNR that the network doesn't know.
    """
    strange = [m for m in source.modulations if m not in modulations]
    if strange:
        raise UserError(
            f"checkpoint: the network was trained for other classes: it doesn't know dataset.modulations="
            f"{strange[0]}{guess(strange[0], modulations)}; it knows {', '.join(modulations)}"
        )
    strange = [s for s in source.snrs if s not in snrs]
    if strange:
        raise UserError(
            f"checkpoint: the network was trained for other SNRs: it doesn't know dataset.snrs={strange[0]:g}; "
            f"it knows {', '.join(f'{s:g}' for s in snrs)}"
        )
    by_modulation = np.array([modulations.index(m) for m in source.modulations] + [-1])
    by_snr = np.array([snrs.index(s) for s in source.snrs] + [-1])
    # A label of -1 (unknown) picks the last entry, which is -1 again.
    source.modulation_index = by_modulation[source.modulation_index]
    source.snr_index = by_snr[source.snr_index]
    source.modulations, source.snrs = list(modulations), list(snrs)


def load_weights(classifier: Classifier, parts: Parts) -> None:
    """Put the checkpoint's weights into the classifier.

    Raises:
        UserError: if the network that the configuration describes has other weights.
    """
    key = "checkpoint" if parts.config["checkpoint"] is not None else "resume"
    refuse_other_versions(classifier, parts.loaded, key)
    try:
        classifier.network.load_state_dict(parts.loaded["network"])
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise UserError(
            f"{key}: its weights don't fit the network that the overrides describe ({detail[:160]}); leave "
            "backbone, representation, extractor and head as the checkpoint has them"
        ) from error


def device_text(accelerator: Accelerator) -> str:
    """The device in words, for the log."""
    device = accelerator.device
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({accelerator.mixed_precision})"
    return f"{device.type.upper()} ({torch.get_num_threads()} threads)"
