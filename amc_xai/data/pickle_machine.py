"""The stack machine of pickles, for the instructions that dictionaries of arrays are made of."""

import codecs
import pickle
import struct
from collections.abc import Callable
from typing import Any

from amc_xai.data.array_marks import Array, Dtype, admitted, call, pairs
from amc_xai.errors import UserError

VIEWED = 4096  # bytes from which on data stay in the file
# A data set takes some 40 instructions a cell. Whoever writes each sample as a number of its own needs millions.
MOST_INSTRUCTIONS = 1_000_000
LONGEST_NUMBER = 64


class Machine:
    """A pickle (the view of a memory map) and the state of its program. It raises ``array_pickle.DAMAGE``."""

    def __init__(self, data: memoryview):
        self.data, self.place = data, 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # what lay on the stack at each open mark
        self.memo: dict[int, Any] = {}

    def run(self) -> object:
        """Run to the end; the dictionary or array that is left."""
        for _ in range(MOST_INSTRUCTIONS):
            code = bytes(self.take(1))
            if code == pickle.STOP:
                left = self.stack.pop()
                return {k: finished(v) for k, v in left.items()} if isinstance(left, dict) else finished(left)
            if code not in STEPS:
                raise UserError(
                    f"dataset.path: the pickle holds the instruction {code!r}, which no data set of arrays needs, "
                    "or it is damaged; the file was not loaded"
                )
            STEPS[code](self)
        raise UserError(
            f"dataset.path: the pickle holds more than {MOST_INSTRUCTIONS:,} values outside of arrays; save the "
            "frames of each cell as one numpy array"
        )

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes."""
        if not 0 <= size <= len(self.data) - self.place:
            raise EOFError("it ends too early")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        # A memory map finds a byte without copying; its view doesn't.
        end = self.data.obj.find(b"\n", self.place)
        if end < 0:
            raise EOFError("it ends within a line")
        line = bytes(self.take(end - self.place))
        self.take(1)
        return line

    def line_of_a_number(self) -> str:
        line = self.line()
        if len(line) > LONGEST_NUMBER:
            raise ValueError("a number of too many digits")
        return line.decode("ascii")

    def raw(self, size: int) -> bytes | memoryview:
        """Data: in the file where they are many."""
        data = self.take(size)
        return data if size >= VIEWED else bytes(data)

    def text(self, size: int) -> str:
        return str(self.take(size), "utf-8", "surrogatepass")

    def long(self, size: int) -> int:
        if size > LONGEST_NUMBER:
            raise ValueError("a number of too many digits")
        return int.from_bytes(self.take(size), "little", signed=True)

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def last(self, count: int) -> tuple:
        items = self.stack[-count:]
        if len(items) < count:
            raise IndexError("it takes more than there is")
        del self.stack[-count:]
        return tuple(items)

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.below.pop()

    def old_integer(self) -> int | bool:
        line = self.line_of_a_number()
        return line == "01" if line in ("00", "01") else int(line)

    def old_string(self) -> bytes:
        line = self.line().strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise ValueError("a string without quotes")
        return codecs.escape_decode(line[1:-1])[0]

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError("an entry of no list")
        self.stack[-1].extend(items)

    def fill(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise TypeError("an entry of no dictionary")
        self.stack[-1].update(pairs(items))

    def keep(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def build(self) -> None:
        state, built = self.pop(), self.stack[-1]
        if not isinstance(built, Array | Dtype):
            raise UserError("dataset.path: the pickle builds an object that is no array; the file was not loaded")
        built.set(state)


def finished(value: object) -> object:
    """An array in place of what stood for it while it was read."""
    return value.value if isinstance(value, Array) else value


def pushing(value: Callable[[Machine], object]) -> Callable[[Machine], None]:
    """The step that pushes what ``value`` gives."""
    return lambda m: m.push(value(m))


STEPS: dict[bytes, Callable[[Machine], None]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    pickle.MARK: Machine.mark,
    pickle.POP: Machine.drop,
    pickle.POP_MARK: Machine.since_mark,
    pickle.DUP: pushing(lambda m: m.stack[-1]),
    pickle.NONE: pushing(lambda m: None),
    pickle.NEWTRUE: pushing(lambda m: True),
    pickle.NEWFALSE: pushing(lambda m: False),
    pickle.INT: pushing(Machine.old_integer),
    pickle.LONG: pushing(lambda m: int(m.line_of_a_number().rstrip("L"))),
    pickle.BININT: pushing(lambda m: m.number("<i")),
    pickle.BININT1: pushing(lambda m: m.number("B")),
    pickle.BININT2: pushing(lambda m: m.number("<H")),
    pickle.LONG1: pushing(lambda m: m.long(m.number("B"))),
    pickle.LONG4: pushing(lambda m: m.long(m.number("<i"))),
    pickle.FLOAT: pushing(lambda m: float(m.line_of_a_number())),
    pickle.BINFLOAT: pushing(lambda m: m.number(">d")),
    pickle.STRING: pushing(Machine.old_string),
    pickle.BINSTRING: pushing(lambda m: m.raw(m.number("<i"))),
    pickle.SHORT_BINSTRING: pushing(lambda m: m.raw(m.number("B"))),
    pickle.BINBYTES: pushing(lambda m: m.raw(m.number("<I"))),
    pickle.SHORT_BINBYTES: pushing(lambda m: m.raw(m.number("B"))),
    pickle.BINBYTES8: pushing(lambda m: m.raw(m.number("<Q"))),
    pickle.BYTEARRAY8: pushing(lambda m: m.raw(m.number("<Q"))),
    pickle.UNICODE: pushing(lambda m: str(m.line(), "raw-unicode-escape")),
    pickle.BINUNICODE: pushing(lambda m: m.text(m.number("<I"))),
    pickle.SHORT_BINUNICODE: pushing(lambda m: m.text(m.number("B"))),
    pickle.BINUNICODE8: pushing(lambda m: m.text(m.number("<Q"))),
    pickle.EMPTY_LIST: pushing(lambda m: []),
    pickle.EMPTY_TUPLE: pushing(lambda m: ()),
    pickle.EMPTY_DICT: pushing(lambda m: {}),
    pickle.LIST: pushing(Machine.since_mark),
    pickle.TUPLE: pushing(lambda m: tuple(m.since_mark())),
    pickle.TUPLE1: pushing(lambda m: m.last(1)),
    pickle.TUPLE2: pushing(lambda m: m.last(2)),
    pickle.TUPLE3: pushing(lambda m: m.last(3)),
    pickle.DICT: pushing(lambda m: pairs(m.since_mark())),
    pickle.APPEND: lambda m: m.extend([m.pop()]),
    pickle.APPENDS: lambda m: m.extend(m.since_mark()),
    pickle.SETITEM: lambda m: m.fill(list(m.last(2))),
    pickle.SETITEMS: lambda m: m.fill(m.since_mark()),
    pickle.GLOBAL: pushing(lambda m: admitted(m.line(), m.line())),
    pickle.STACK_GLOBAL: pushing(lambda m: admitted(*m.last(2))),
    pickle.REDUCE: pushing(lambda m: call(*m.last(2))),
    pickle.BUILD: Machine.build,
    pickle.GET: pushing(lambda m: m.memo[int(m.line_of_a_number())]),
    pickle.BINGET: pushing(lambda m: m.memo[m.number("B")]),
    pickle.LONG_BINGET: pushing(lambda m: m.memo[m.number("<I")]),
    pickle.PUT: lambda m: m.keep(int(m.line_of_a_number())),
    pickle.BINPUT: lambda m: m.keep(m.number("B")),
    pickle.LONG_BINPUT: lambda m: m.keep(m.number("<I")),
    pickle.MEMOIZE: lambda m: m.keep(len(m.memo)),
}
