"""Pickles for the fuzz: RML2016 dictionaries of every writer, and programs without sense."""

import numpy as np
from hypothesis import strategies as st

from tests.data.pickles import ELEVEN, WRITERS
from tests.data.test_array_pickle import ARRAY, DTYPE, FLAGS, RECONSTRUCT, Program
from tests.fuzz.case import MARK, Case
from tests.fuzz.draws import FEW, SMALL, Draw, a_layout, an_array, choice, one_of


def radioml2016(draw: Draw) -> Case:
    """Dictionaries of cells by every Python and numpy."""
    length, content = draw(FEW) * 8, {}
    kind = one_of(draw, "(n, 2, L)", "(n, L, 2)", "complex", "any")
    for name in draw(st.lists(st.sampled_from([*ELEVEN, "16QAM", ""]), max_size=4)):
        for snr in draw(st.lists(st.sampled_from([0, 0, 18, 3, -400, 2.5, np.int64(4)]), max_size=3)):
            frames = one_of(draw, 2, 2, 2, 1, 0)
            if kind == "any":
                array = a_layout(draw, frames, length)
            else:
                shape = {"(n, 2, L)": (frames, 2, length), "(n, L, 2)": (frames, length, 2)}.get(
                    kind, (frames, length)
                )
                array = an_array(draw, shape, "c8" if kind == "complex" else "<f4")
            key = (name, snr)
            if draw(SMALL) == 0:
                key = one_of(draw, name, (snr, name), (name.encode(), snr), (name, snr, 0), ((name,), snr), None)
            content[key] = array if draw(st.integers(0, 20)) else one_of(draw, None, [1], Program(MARK))
    plain = all(
        isinstance(k, tuple) and len(k) == 2 and isinstance(k[0], str) and type(k[1]) is int for k in content
    )
    plain &= all(isinstance(v, np.ndarray) and v.dtype.kind in "fc" for v in content.values())
    writers = [w for w in WRITERS if plain or not w.startswith("python2")]
    dataset = one_of(draw, "radioml2016", "radioml2016a", "radioml2016b", "radioml2016c")
    return Case(
        {"set.pkl": WRITERS[one_of(draw, *writers)](content)}, dataset, {"path": "set.pkl", **choice(draw)}
    )


FRAGMENTS = [
    b"(", b")", b"]", b"}", b"N", b"0", b"1", b"2", b"t", b"l", b"d", b"\x85", b"\x86", b"\x87", b"a", b"e",
    b"s", b"u", b"R", b"b", b".", b"\x81", b"\x92", b"K\x01", b"J\xff\xff\xff\xff", b"M\x00\x01", b"I7\n",
    b"I01\n", b"L9L\n", b"F1e400\n", b"G\x7f\xf8\0\0\0\0\0\0", b"U\x02f4", b"U\x01<", b"T\x04\0\0\0abcd",
    b"S'a'\n", b"S'\\x\n", b"X\x01\0\0\0a", b"V\\u12\n", b"\x8c\x05numpy", b"\x8c\x07ndarray", b"\x93", b"\x94",
    b"h\0", b"q\0", b"g0\n", b"p0\n", b"r\xff\xff\xff\x7f", b"j\0\0\0\0", b"cos\nsystem\n",
    b"cbuiltins\nexec\n", b"ios\nsystem\n", b"c__builtin__\nbytes\n", b"ccollections\nOrderedDict\n",
    b"c_codecs\nencode\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"\x8b\xff\xff\xff\x7f",
    b"\x8e\0\0\0\0\0\0\0\x7f", b"\x96\0\0\0\0\1\0\0\0", b"\x95\0\0\0\0\0\0\0\0", b"\x80\x05", b"Pid\n", b"Q",
    b"\x82\x01", b"\x97", b"\x98", RECONSTRUCT, DTYPE, FLAGS, ARRAY, b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy._core.numeric\n_frombuffer\n",
]  # fmt: skip


def programs(draw: Draw) -> Case:
    """Pickles put together of instructions, without sense."""
    program = b"".join(draw(st.lists(st.sampled_from(FRAGMENTS), max_size=60)))
    return Case({"set.pkl": program + b"."}, "radioml2016", {"path": "set.pkl"})


PICKLED = [radioml2016, programs]
