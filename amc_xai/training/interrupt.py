"""Ctrl-C and SIGTERM as a request that the training loop answers between two steps."""

import signal
import threading


class Interrupt:
    """Within ``with``, the first signal sets ``requested``; a second one raises KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Interrupt":
        # Signal handlers can be set in the main thread alone; elsewhere signals act as ever.
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
