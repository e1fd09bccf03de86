"""The database that holds a study: opened, locked between controllers, told which trials are alive."""

import hashlib
import logging
import os
import re
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage, fail_stale_trials, get_storage
from optuna.storages.journal import JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from amc_xai.errors import UserError
from amc_xai.search.connections import connect_patiently, of_server

log = logging.getLogger(__name__)
REPEATS = "repeats"  # user attribute: the number of the lost trial that this one runs again
PASSING = ("already exists", "too many clients")  # in the error of an opening that may succeed a moment later
FAILURE = "failure"  # user attribute: why a trial failed; one that was lost with its worker has none
_CONTROLLERS: dict[str, tuple[int, BaseStorage]] = {}  # by URL: process, and its storage with a memory


def open_storage(
    url: str | None, heartbeat: int | None = None, grace: int | None = None, max_repeats: int | None = None
) -> RDBStorage:
    """Open the study's database; a SQLite file is made with its folder.

    ``heartbeat`` and ``grace`` are seconds: how often a controller says that its trials live, and the silence
    after which :func:`revive` takes one for lost. The database's clock counts, so machines need not agree.
    A trial that was lost ``max_repeats`` times more after its first loss doesn't run again; None = without end.

    Raises:
        UserError: for anything but a SQLite or PostgreSQL URL, and for a database that can't be opened.
    """
    key = "hydra.sweeper.storage"
    try:
        parsed = make_url(str(url))
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(
            f"{key} must be the URL of a database that jobs and controllers can open, such as "
            f"sqlite:///multirun/search.db or postgresql+psycopg://user@host/name, not {url}"
        )
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise UserError(f"{key} must name a file, such as sqlite:///multirun/search.db; jobs can't open {url}")
        # hydra.sweep.dir=FOLDER/ is the same folder as hydra.sweep.dir=FOLDER, and so has the same database.
        parsed = parsed.set(database=re.sub(r"/+\.db$", ".db", parsed.database))
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        arguments = {"connect_args": {"timeout": 60}}
    else:
        arguments = of_server(parsed)
    for attempt in range(5):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                storage = RDBStorage(
                    parsed.render_as_string(hide_password=False),
                    engine_kwargs=arguments,
                    heartbeat_interval=heartbeat,
                    grace_period=grace,
                    heartbeat_stale_trial_callback=partial(repeat_lost, most=max_repeats) if heartbeat else None,
                )
            if parsed.get_backend_name() == "postgresql":
                connect_patiently(storage.engine)
            return storage
        except (SQLAlchemyError, ImportError, RuntimeError) as error:
            # Two controllers that find an empty database both make its tables; the second one looks again.
            passing = isinstance(error, IntegrityError) or any(text in str(error) for text in PASSING)
            if attempt < 4 and passing:
                time.sleep(0.5)
                continue
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise UserError(f"{key}: {parsed} can't be opened ({reason})") from error
    raise AssertionError("the last attempt returns or raises")


def close_storage(storage: RDBStorage) -> None:
    """Close every connection: a sweep opens the storage once in each process of its jobs."""
    storage.remove_session()
    storage.engine.dispose()


@contextmanager
def remembered(storage: RDBStorage, url: str) -> Iterator[BaseStorage]:
    """The storage through a memory of the trials that have ended, so that each is read once, not at every look.

    Within the block :func:`controllers_storage` has it too.
    """
    remembering = get_storage(storage)
    _CONTROLLERS[url] = os.getpid(), remembering
    try:
        yield remembering
    finally:
        del _CONTROLLERS[url]


def controllers_storage(url: str) -> BaseStorage | None:
    """What the controller remembers of this database, for a job in the controller's own process."""
    process, storage = _CONTROLLERS.get(url, (None, None))
    return storage if process == os.getpid() else None


@contextmanager
def study_lock(storage: RDBStorage, study_name: str) -> Iterator[None]:
    """Let one controller at a time count the study's trials and ask for the next.

    PostgreSQL holds an advisory lock, which ends with the connection; beside a SQLite file stands a lock file.
    """
    if storage.engine.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(study_name.encode()).digest()[:8], "big", signed=True)
        with storage.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
        return
    lock = JournalFileOpenLock(str(storage.engine.url.database))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def run_again(study: optuna.Study, trial: FrozenTrial, why: str = "was lost with its worker") -> None:
    """Put the parameters of an ended trial at the head of the queue."""
    study.enqueue_trial(trial.params, user_attrs={REPEATS: trial.number})
    log.warning("trial %d %s; its parameters run again", trial.number, why)


def repeat_lost(study: optuna.Study, trial: FrozenTrial, most: int | None) -> None:
    """Let a lost trial run again, unless these parameters were lost more than ``most`` times.

    What kills its controller each time, for its memory say, would otherwise keep the study from its end.
    """
    times = times_lost(study.get_trials(deepcopy=False), trial.number)
    if most is None or times <= most:
        run_again(study, trial)
    else:
        log.warning("trial %d was lost with its worker; %s", trial.number, given_up(times))


def times_lost(trials: list[FrozenTrial], number: int | None) -> int:
    """How often the parameters of this trial were lost with their worker, this trial included.

    A trial that fell silent has no ``FAILURE``; one that the user interrupted has, and isn't counted.
    """
    times = 0
    while number is not None:
        attributes = trials[number].user_attrs
        times += trials[number].state == TrialState.FAIL and FAILURE not in attributes
        number = attributes.get(REPEATS)
    return times


def given_up(times: int) -> str:
    return f"its parameters, lost {times} {'time' if times == 1 else 'times'}, don't run again"


def revive(study: optuna.Study, storage: RDBStorage) -> None:
    """Fail the trials whose controller fell silent, and enqueue each again; call it under the lock.

    A controller gives a new trial its first heartbeat before it leaves the lock. One without belongs to a
    controller that died just there; its grace begins now.
    """
    with storage.engine.connect() as connection:
        beating = set(connection.execute(text("SELECT trial_id FROM trial_heartbeats")).scalars())
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        if trial._trial_id not in beating:
            storage.record_heartbeat(trial._trial_id)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)


def lost(trials: list[FrozenTrial]) -> dict[int, int]:
    """Which trial runs again which: ``{number of the lost one: number of its repetition}``."""
    return {t.user_attrs[REPEATS]: t.number for t in trials if REPEATS in t.user_attrs}


def spent(trials: list[FrozenTrial]) -> int:
    """How many trials count towards ``n_trials``: finished or running, lost ones left out."""
    gone = lost(trials)
    return sum(t.state != TrialState.WAITING and t.number not in gone for t in trials)


class Heartbeat:
    """Within ``with``, a thread tells the storage every ``seconds`` that these trials are alive."""

    def __init__(self, storage: RDBStorage, trial_ids: list[int], seconds: float):
        self.storage, self.trial_ids, self.seconds = storage, trial_ids, seconds
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._beat, name="study-heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _beat(self) -> None:
        while not self.done.wait(self.seconds):
            try:
                for trial_id in self.trial_ids:
                    self.storage.record_heartbeat(trial_id)
            except Exception as error:  # the database may be away for a moment; the next beat tries again
                log.warning("the study's storage didn't take a heartbeat (%s)", error)
        self.storage.remove_session()
