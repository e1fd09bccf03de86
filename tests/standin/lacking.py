"""Which operators MPS lacks, read from PyTorch's own table of kernels. Prints the list beside this file.

python tests/standin/lacking.py PATH/torchgen/packaged/ATen/native/native_functions.yaml > mps_lacks.txt
"""

import sys
from pathlib import Path

import yaml


def keys(function: dict) -> set[str]:
    """The dispatch keys that a function names kernels for."""
    return {key.strip() for line in function.get("dispatch") or {} for key in line.split(",")}


def lacking(table: Path) -> list[str]:
    """Names with overloads of the functions that have a kernel for the CPU, and none that MPS could take."""
    functions = {f["func"].split("(")[0]: f for f in yaml.safe_load(table.read_text())}
    names = []
    for name, function in functions.items():
        own = keys(function) | keys(functions.get(function.get("structured_delegate"), {}))
        if "CPU" in own and "MPS" not in own and not any(key.startswith("Composite") for key in own):
            names.append(name)
    return sorted(names)


if __name__ == "__main__":
    print("# Operators of torch 2.11.0, the oldest supported, with a kernel for the CPU and none for MPS.")
    print("# Source: torchgen/packaged/ATen/native/native_functions.yaml of its wheel for macOS on arm64,")
    print("# read by tests/standin/lacking.py.")
    print("\n".join(lacking(Path(sys.argv[1]))))
