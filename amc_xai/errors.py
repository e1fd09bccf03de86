"""The one error that a user can cause, answered in a sentence instead of a traceback, and texts fit for one."""

import re
import shlex
import sys
from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input. The message is one plain sentence: the key, what was wrong, what is allowed."""


def one_line(said: object, most: int = 120) -> str:
    """A text from a file, or what an error of another library says, short enough for a sentence."""
    text = " ".join(str(said).split())
    return printable(text or ("" if isinstance(said, str) else type(said).__name__), most)


def printable(text: str, most: int) -> str:
    """The first letters of a text, those that no terminal shows as question marks."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])


def guess(word: object, known: Iterable[object]) -> str:
    """What may have been meant by ``word``, to go behind it in a sentence; empty where nothing known is near.

    Letters and digits may stand the other way round, as in QAM16.
    """
    spelled = {letters_first(str(name)): str(name) for name in known}
    near = get_close_matches(letters_first(str(word)), spelled, n=1, cutoff=0.7)
    return f" (did you mean {spelled[near[0]]}?)" if near else ""


def letters_first(word: str) -> str:
    return re.sub(r"^(\d+)([a-z]+)$", r"\2\1", word.casefold())


def command_again(*flags: str, environment: str = "") -> str:
    """The command line of this program, to be given again: with variables before it and with ``flags`` first."""
    given = [argument for argument in sys.argv[1:] if argument not in flags]
    return " ".join([*filter(None, [environment]), "python -m amc_xai", *flags, *map(shlex.quote, given)])
