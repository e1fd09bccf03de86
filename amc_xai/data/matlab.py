"""MATLAB's .mat files of versions 5 to 7: their arrays of numbers and letters, and nothing else.

Read here, by MathWorks' "MAT-File Format", for SciPy's reader can be brought down by a damaged file, the whole
process with it. An element is a tag (type, bytes) and data, padded to 8 bytes; a matrix is an element of elements.
"""

import math
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from amc_xai.data.stored import StoredArray, refuse_too_large
from amc_xai.errors import UserError

# Types of data, and classes of arrays, by their numbers in the file.
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
LETTERS = {2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
OTHERS = {1: "cell", 2: "structure", 3: "object", 5: "sparse", 17: "string, table or other object"}
CHAR, OPAQUE, MATRIX, COMPRESSED, COMPLEX = 4, 17, 14, 15, 0x0800
HEAD = 4096  # bytes of a compressed matrix in which its shape and name lie


class Element(NamedTuple):
    """A piece of a file: its type, where its data begin and end, and where the next piece begins."""

    type: int
    begin: int
    end: int
    next: int


class Matrix(NamedTuple):
    """What stands before an array's data."""

    name: str
    number: int  # of the class
    complex: bool
    shape: tuple[int, ...]
    data: int  # where the element of the real part begins


class MatFile:
    """The file's matrices by name; where a name comes twice, the last one counts.

    Raises:
        ValueError, struct.error or zlib.error: if it is damaged.
    """

    def __init__(self, path: Path):
        self.path, self.bytes = path, np.memmap(path, np.uint8, "r")
        self.order = {b"IM": "<", b"MI": ">"}.get(self.bytes[126:128].tobytes(), "")
        if not self.order:
            raise ValueError("no file of MATLAB 5 to 7: save it with -v7")
        self.held: dict[str, tuple[Element, Matrix]] = {}
        place = 128
        while place + 8 <= len(self.bytes):
            element = self.element(self.bytes, place)
            if element.type == COMPRESSED:
                head = zlib.decompressobj().decompress(
                    self.bytes[element.begin : element.end].tobytes()[:HEAD], HEAD
                )
                # Compressed elements are not padded.
                matrix, place = self.matrix(head, 8), element.end
            elif element.type == MATRIX:
                matrix, place = self.matrix(self.bytes, element.begin), element.next
            else:
                raise ValueError("what is no matrix")
            if element.end > len(self.bytes):
                raise ValueError("it ends too early")
            self.held[matrix.name] = element, matrix

    def element(self, data: np.ndarray | bytes, place: int) -> Element:
        """The piece at a place."""
        kind, size = struct.unpack(f"{self.order}II", bytes(data[place : place + 8]))
        if kind >> 16:  # up to 4 bytes stand in the tag itself
            return Element(kind & 0xFFFF, place + 4, place + 4 + min(kind >> 16, 4), place + 8)
        return Element(kind, place + 8, place + 8 + size, place + 8 + size + -size % 8)

    def matrix(self, data: np.ndarray | bytes, place: int) -> Matrix:
        """What is told of the matrix whose pieces begin here."""
        flags = self.element(data, place)
        (flag,) = struct.unpack(f"{self.order}I", bytes(data[flags.begin : flags.begin + 4]))
        shape = self.element(data, flags.next)
        if flag & 0xFF == OPAQUE:  # its name follows at once
            return Matrix(bytes(data[shape.begin : shape.end]).decode("latin1"), OPAQUE, False, (), shape.next)
        name = self.element(data, shape.next)
        if shape.type != 5 or not 8 <= shape.end - shape.begin <= 128 or name.end - name.begin > 200:
            raise ValueError("a matrix without shape or name")
        sizes = np.frombuffer(bytes(data[shape.begin : shape.end]), f"{self.order}i4")
        if (sizes < 0).any():
            raise ValueError("a matrix of negative size")
        words = bytes(data[name.begin : name.end]).decode("latin1")
        return Matrix(words, flag & 0xFF, bool(flag & COMPLEX), tuple(sizes.tolist()), name.next)

    def find(self, name: str) -> StoredArray | None:
        """The array of this name, in place where it lies in the file as it is; None if there is none.

        Raises:
            UserError: if it is no array of numbers or letters.
        """
        if name not in self.held:
            return None
        element, matrix = self.held[name]
        if matrix.number not in CLASSES and matrix.number != CHAR:
            kind = OTHERS.get(matrix.number, "other")
            raise UserError(
                f"dataset.path: {name} of {self.path} is a MATLAB {kind} array, which is not loaded; save plain "
                "numbers, or words as char(y)"
            )
        if element.type == MATRIX and matrix.number in CLASSES and not matrix.complex:
            real = self.element(self.bytes, matrix.data)
            dtype = np.dtype(self.order + CLASSES[matrix.number])
            whole = real.end - real.begin == math.prod(matrix.shape) * dtype.itemsize
            if TYPES.get(real.type) == CLASSES[matrix.number] and whole and real.end <= element.end:
                opened = partial(load, self.path, name)
                return StoredArray(self.path, name, matrix.shape, dtype, real.begin, opened, "F")
        array = self.load(element, matrix)
        return StoredArray(
            self.path, name, array.shape, array.dtype, None, partial(load, self.path, name), _rows=array
        )

    def load(self, element: Element, matrix: Matrix) -> np.ndarray:
        """The whole of an array."""
        count = math.prod(matrix.shape)
        size = count * 8 * (1 + matrix.complex)
        refuse_too_large(self.path, size)
        data, place = self.bytes[: element.end], matrix.data
        if element.type == COMPRESSED:
            packed = self.bytes[element.begin : element.end].tobytes()
            data = np.frombuffer(zlib.decompressobj().decompress(packed, size + 2 * HEAD), np.uint8)
        real = self.element(data, place)
        if matrix.number == CHAR:
            text = bytes(data[real.begin : real.end]).decode(LETTERS[real.type].replace("16", f"16-{self.ends}"))
            letters = np.array(list(text), "U1")
            if len(letters) != count or len(matrix.shape) != 2:
                raise ValueError("more or fewer letters than its shape has")
            rows = letters.reshape(matrix.shape, order="F")
            return np.array(["".join(row).rstrip() for row in rows])
        array = self.numbers(data, real, count).astype(CLASSES[matrix.number])
        if matrix.complex:
            imaginary = self.numbers(data, self.element(data, real.next), count).astype(array.dtype)
            if array.dtype.kind in "iu":  # side by side: whole numbers are scaled where frames are read
                array = np.rec.fromarrays([array, imaginary], names="real,imag").view(np.ndarray)
            else:
                array = array + 1j * imaginary
        return array.reshape(matrix.shape, order="F")

    @property
    def ends(self) -> str:
        """The order of bytes, as text codecs call it."""
        return "le" if self.order == "<" else "be"

    def numbers(self, data: np.ndarray, element: Element, count: int) -> np.ndarray:
        """The numbers of a piece; MATLAB stores whole ones in the smallest type that holds them."""
        found = np.frombuffer(bytes(data[element.begin : element.end]), self.order + TYPES[element.type])
        if len(found) != count:
            raise ValueError("more or fewer numbers than its shape has")
        return found


def load(path: Path, name: str) -> np.ndarray:
    """An array of a file, loaded whole."""
    file = MatFile(path)
    return file.load(*file.held[name])
