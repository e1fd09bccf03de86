"""Ctrl-C, SIGTERM and a scheduler's signal as a request that the training loop answers between two steps."""

import signal
import threading

# SIGUSR2 is what submitit has SLURM send before a time limit, and what a script of one's own may ask for.
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name))


class Interrupt:
    """Within ``with``, the first signal sets ``requested``; a second one raises KeyboardInterrupt at once.

    Once the loop has saved, it calls :meth:`answer`. A handler that was there before, such as submitit's, which
    has its job queued again before a time limit and lets a SIGTERM pass, then gets the signal; it may come as
    often as it likes.
    """

    def __init__(self) -> None:
        self.pending: list[int] = []
        self.previous: dict = {}

    @property
    def requested(self) -> bool:
        return bool(self.pending)

    def __enter__(self) -> "Interrupt":
        # Signal handlers can be set in the main thread alone; elsewhere signals act as ever.
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self.previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def answer(self) -> None:
        """Hand the signals on; returns where their handlers let the training go on.

        Raises:
            KeyboardInterrupt: where nobody but us waits for them, or another process of the training got them.
        """
        pending, self.pending = self.pending, []
        for number in pending:
            if not self._belongs_to_another(number):
                raise KeyboardInterrupt
            self.previous[number](number, None)
        if not pending:
            raise KeyboardInterrupt

    def _request(self, number: int, frame: object) -> None:
        if self.pending and not self._belongs_to_another(number):
            raise KeyboardInterrupt
        self.pending.append(number)

    def _belongs_to_another(self, number: int) -> bool:
        handler = self.previous.get(number)
        return callable(handler) and handler is not signal.default_int_handler
