"""The one error that a user can cause, and that is answered in a sentence instead of a traceback."""


class UserError(Exception):
    """Bad input. The message is one plain sentence: the key, what was wrong, what is allowed."""
