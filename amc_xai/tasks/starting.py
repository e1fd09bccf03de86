"""``init=PATH``: a new training that starts from a trained network, and says what it took from it."""

import logging
from collections.abc import Sequence
from typing import Any

from amc_xai.data import FrameSource
from amc_xai.errors import UserError
from amc_xai.model import Classifier
from amc_xai.model.transfer import Carried, ClassMap, carry_over, class_dimensions
from amc_xai.parts import Parts
from amc_xai.tasks.facts import trained_facts
from amc_xai.tasks.versions import versions_of

log = logging.getLogger(__name__)
NAMED = 3  # tensors named one by one in a sentence


def start_from(classifier: Classifier, parts: Parts, source: FrameSource) -> Carried:
    """Give the classifier the weights of ``parts.initial`` as far as they fit; the log says what it took.

    Classes and SNRs are found by name, wherever they stand in either list. An SNR label of another definition
    means something else and is none of the same name.

    Raises:
        UserError: if nothing of the backbone fits, or ``init.freeze`` would keep weights that were never trained.
    """
    stored, network = parts.initial, classifier.network
    maps = {
        "modulation": ClassMap.by_name(classifier.modulations, stored["modulations"]),
        "snr": ClassMap.by_name(classifier.snrs, [float(s) for s in stored["snrs"]]),
    }
    before, now = trained_facts(stored).snr_definition, source.snr_definition
    if before not in (None, now):
        maps["snr"] = ClassMap.nothing(stored["snrs"])
        log.warning("init: its SNRs are %s and these are %s, so that no SNR is carried over", before, now)
    classes = {}
    for task, names in (("modulation", classifier.modulations), ("snr", classifier.snrs)):
        make = parts.make["head"][task]
        for name, dimension in class_dimensions(make, network.extractor.num_features, len(names)).items():
            classes[f"{task}_head.{name}"] = dimension, maps[task]
    carried = carry_over(network, stored["network"], classes)
    path = parts.config["init"]["path"]
    refuse_strangers(carried, path, parts.config["init"]["freeze"])
    tell_other_versions(classifier, stored, parts.config["init"]["freeze"])
    log.info("init: starting from %s", path)
    for part in ("backbone", "extractor", "modulation_head", "snr_head"):
        log.info("init: %s", in_words(carried, part))
    tell_classes("class", classifier.modulations, stored["modulations"], maps["modulation"])
    decibel = [[f"{s:g} dB" for s in snrs] for snrs in (classifier.snrs, stored["snrs"])]
    tell_classes("SNR", *decibel, maps["snr"])
    return carried


def refuse_strangers(carried: Carried, path: str, freeze: str | None) -> None:
    """A start that brings nothing, or freezes what it didn't bring, is a mistake."""
    fresh = [name for name in carried.fresh if name.startswith("backbone.")]
    if fresh and not any(name.startswith("backbone.") for name in carried.whole):
        raise UserError(
            f"init: not one weight of {path} fits this backbone ({fresh[0]}: {carried.fresh[fresh[0]]}); leave "
            "backbone and representation as the checkpoint has them"
        )
    if freeze == "backbone" and fresh:
        raise UserError(
            f"init.freeze=backbone would keep weights that were never trained: {some(fresh)} of {path} "
            f"{'does' if len(fresh) == 1 else 'do'} not fit ({carried.fresh[fresh[0]]}); leave backbone and "
            "representation as the checkpoint has them, or set init.freeze=null"
        )


def tell_other_versions(classifier: Classifier, stored: dict[str, Any], freeze: str | None) -> None:
    """A representation that draws otherwise today is learned anew; a frozen backbone would misread it."""
    for name, version in versions_of(classifier).items():
        before = stored.get("versions", {}).get(name, version)
        if before != version and freeze is not None:
            raise UserError(
                f"init.freeze={freeze}: the network was trained on version {before} of {name}, and this release "
                f"has version {version}, which makes something else of the same frames; set init.freeze=null"
            )
        if before != version:
            log.warning("init: trained on version %d of %s, and this release has %d", before, name, version)


def in_words(carried: Carried, part: str) -> str:
    """What a part of the network took: ``backbone: all 62 tensors``."""

    def of(names) -> list[str]:
        return [name for name in names if name.startswith(f"{part}.")]

    taken, fresh, unused = (
        len(of(carried.whole)) + len(of(carried.by_class)),
        of(carried.fresh),
        of(carried.unused),
    )
    total = taken + len(fresh)
    said = [f"{part}: " + ("nothing to carry over" if not total else f"{taken} of {total} tensors carried over")]
    if of(carried.by_class):
        said.append(f"of these {len(of(carried.by_class))} for the known classes alone")
    if fresh:
        said.append(f"fresh {some(fresh)} ({carried.fresh[fresh[0]]})")
    if unused:
        said.append(f"left out {some(unused)}")
    return "; ".join(said)


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def tell_classes(kind: str, names: Sequence[str], stored: Sequence[str], places: ClassMap) -> None:
    """Which classes are carried over, which are new, and which were left out."""
    kept = [names[k] for k in places.new]
    new = [name for name in names if name not in kept]
    gone = [name for k, name in enumerate(stored) if k not in places.old]
    for text, some_of in (("carried over", kept), ("new", new), ("left out", gone)):
        if some_of:
            log.info("init: %s %s: %s", kind, text, ", ".join(some_of))
