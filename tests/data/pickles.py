"""Writers of pickles as they have been written since 2016, each checked by Python's own reader in the tests."""

import pickle
import pickletools
import struct

import numpy as np

ELEVEN = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]
TEN = [name for name in ELEVEN if name != "AM-SSB"]


def cells(classes=ELEVEN, frames=2, snrs=(-20, 18), length=128) -> dict:
    """A dictionary as the published ones are: in no order at all, frames (n, 2, L) of float32."""
    rng = np.random.default_rng(0)
    keys = [(m, s) for s in snrs for m in reversed(classes)]
    return {key: rng.standard_normal((frames, 2, length)).astype(np.float32) for key in keys}


def python2(content: dict) -> bytes:
    """What Python 2's cPickle writes at protocol 2: byte strings for keys and for the arrays' data."""

    def text(s: bytes) -> bytes:
        return b"U" + bytes([len(s)]) + s if len(s) < 256 else b"T" + struct.pack("<i", len(s)) + s

    def integer(n: int) -> bytes:
        return b"J" + struct.pack("<i", n)

    out = b"\x80\x02}("
    for (modulation, snr), array in content.items():
        out += text(modulation.encode()) + integer(snr) + b"\x86"
        out += b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + integer(0) + b"\x85"
        out += text(b"b") + b"\x87R(" + integer(1)
        out += b"(" + b"".join(map(integer, array.shape)) + b"t"
        out += b"cnumpy\ndtype\n" + text(array.dtype.str[1:].encode()) + integer(0) + integer(1) + b"\x87R("
        out += integer(3) + text(b"<") + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
        out += b"\x89" + text(array.tobytes()) + b"tb"
    return out + b"u."


def python2_text(content: dict) -> bytes:
    """What Python 2's pickle writes at protocol 0, which was its default."""

    def text(s: bytes) -> bytes:
        return b"S" + repr(s).encode()[1:] + b"\n"

    out = b"(dp0\n"
    for k, ((modulation, snr), array) in enumerate(content.items()):
        out += b"(" + text(modulation.encode()) + b"I%d\ntp%d\n" % (snr, k + 1)
        out += b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\nt" + text(b"b") + b"tR(I1\n("
        out += b"".join(b"I%d\n" % n for n in array.shape) + b"t"
        out += b"cnumpy\ndtype\n(" + text(array.dtype.str[1:].encode()) + b"I0\nI1\ntR"
        out += b"(I3\n" + text(b"<") + b"NNNI-1\nI-1\nI0\ntbI00\n" + text(array.tobytes()) + b"tbs"
    return out + b"."


def python3(protocol: int, old_numpy: bool = False):
    """The writer of Python 3 at this protocol, by a numpy of version 2 or 1."""

    def write(content: object) -> bytes:
        data = pickle.dumps(content, protocol)
        new, old = (b"numpy._core.", b"numpy.core.") if old_numpy else (b"numpy.core.", b"numpy._core.")
        if protocol < 4:
            return data.replace(new, old)
        # Names tell their length, and frames theirs: a pickle without frames is a pickle too.
        frames = [place for operation, _, place in pickletools.genops(data) if operation.name == "FRAME"]
        for place in reversed(frames):
            data = data[:place] + data[place + 9 :]
        for name in (b"multiarray", b"numeric"):
            length = len(new + name)
            data = data.replace(
                b"\x8c" + bytes([length]) + new + name, b"\x8c" + bytes([len(old + name)]) + old + name
            )
        return data

    return write


WRITERS = {
    "python2": python2,
    "python2_text": python2_text,
    **{f"protocol{p}": lambda content, p=p: pickle.dumps(content, p) for p in range(6)},
    **{f"protocol{p}_numpy1": python3(p, old_numpy=True) for p in range(6)},
    **{f"protocol{p}_numpy2": python3(p) for p in range(6)},
}
