"""The one error that a user can cause, answered in a sentence instead of a traceback, and texts fit for one."""


class UserError(Exception):
    """Bad input. The message is one plain sentence: the key, what was wrong, what is allowed."""


def one_line(said: object, most: int = 120) -> str:
    """A text from a file, or what an error of another library says, short enough for a sentence."""
    text = " ".join(str(said).split())
    return printable(text or ("" if isinstance(said, str) else type(said).__name__), most)


def printable(text: str, most: int) -> str:
    """The first letters of a text, those that no terminal shows as question marks."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])
