"""``python -m tests.fuzz 3000 [seed]`` opens and reads so many generated data sets, and prints what came out."""

import collections
import logging
import resource
import sys
import time
import warnings

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.case import Case, outcome
from tests.fuzz.formats import cases


def main(examples: int, first: int) -> None:
    table: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    slowest, begin = (0.0, ""), time.perf_counter()

    @seed(first)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], print_blob=False,
    )  # fmt: skip
    @given(cases())
    def every_case_ends_in_frames_or_a_sentence(drawn: tuple[str, Case]) -> None:
        nonlocal slowest
        name, case = drawn
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            said, seconds = outcome(case)
        table[name]["frames" if said == "frames" else "a sentence"] += 1
        slowest = max(slowest, (seconds, name))

    logging.disable(logging.CRITICAL)
    every_case_ends_in_frames_or_a_sentence()
    print(f"{'format':<16}{'frames':>8}{'a sentence':>12}")
    for name, counts in sorted(table.items()):
        print(f"{name:<16}{counts['frames']:>8}{counts['a sentence']:>12}")
    total = sum(sum(counts.values()) for counts in table.values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{total} data sets in {time.perf_counter() - begin:.0f} s, none ended otherwise; the slowest took "
        f"{slowest[0]:.2f} s ({slowest[1]}); at most {memory:.1f} GB of memory"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
