"""What controllers share: the database, the lock, and who is alive."""

import sqlite3
import threading
import time

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from amc_xai.errors import UserError
from amc_xai.search.connections import connect_patiently, of_server
from amc_xai.search.job import JobTrial
from amc_xai.search.storage import (
    FAILURE,
    Heartbeat,
    close_storage,
    controllers_storage,
    lost,
    open_storage,
    remembered,
    revive,
    run_again,
    spent,
    study_lock,
)

# As in the sweeper: the heartbeat is our own.
pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")
SPACE = {"lr": FloatDistribution(0.0, 1.0)}


@pytest.fixture
def storage(tmp_path):
    opened = open_storage(f"sqlite:///{tmp_path}/deep/er/study.db", heartbeat=1, grace=60)
    yield opened
    close_storage(opened)


@pytest.fixture
def study(storage):
    return optuna.create_study(study_name="shared", storage=storage)


def silent_for(storage, trial: optuna.Trial, seconds: int) -> None:
    """Give a trial a last heartbeat that was so long ago."""
    storage.record_heartbeat(trial._trial_id)
    moved = "UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, :back) WHERE trial_id = :id"
    with storage.engine.begin() as connection:
        connection.execute(text(moved), {"back": f"-{seconds} seconds", "id": trial._trial_id})


def test_a_silent_trial_is_failed_and_its_parameters_come_next(storage, study):
    dead, living = study.ask(SPACE), study.ask(SPACE)
    silent_for(storage, dead, 62)
    silent_for(storage, living, 58)
    revive(study, storage)
    revive(study, storage)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    assert lost(study.trials) == {0: 2}
    again = study.ask(SPACE)
    assert (again.number, again.params, again.user_attrs) == (2, dead.params, {"repeats": 0})


def test_a_trial_whose_controller_died_before_its_first_heartbeat_is_lost_after_grace(storage, study):
    orphan = study.ask(SPACE)
    revive(study, storage)
    assert study.trials[0].state == TrialState.RUNNING
    with storage.engine.begin() as connection:
        [age] = connection.execute(text("SELECT strftime('%s') - strftime('%s', heartbeat) FROM trial_heartbeats"))
        assert age[0] in (0, 1, 2)
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-62 seconds')"))
    revive(study, storage)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.WAITING]
    assert study.ask(SPACE).params == orphan.params


def test_a_trial_that_is_lost_each_time_is_given_up_and_counts(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/study.db", heartbeat=1, grace=60, max_repeats=2)
    study = optuna.create_study(study_name="shared", storage=storage)
    deadly = study.ask(SPACE)
    for run in range(3):
        silent_for(storage, study.ask(SPACE) if run else deadly, 62)
        revive(study, storage)
    failed = TrialState.FAIL
    assert [trial.state for trial in study.trials] == [failed] * 3
    assert lost(study.trials) == {0: 1, 1: 2}
    assert all(trial.params == deadly.params for trial in study.trials)
    assert spent(study.trials) == 1
    # Another one has its own count, and a user who interrupts a trial doesn't use it up.
    second = study.ask(SPACE)
    for _ in range(3):
        second.set_user_attr(FAILURE, "interrupted")
        study.tell(second.number, state=failed)
        run_again(study, study.trials[second.number])
        second = study.ask(SPACE)
    silent_for(storage, second, 62)
    revive(study, storage)
    assert study.trials[-1].state == TrialState.WAITING
    close_storage(storage)


def test_a_lost_trial_counts_once(study):
    trials = [study.ask(SPACE) for _ in range(4)]
    study.tell(trials[0], 1.0)
    study.tell(trials[1], state=TrialState.FAIL)  # of its own fault: it isn't repeated, and counts
    assert spent(study.trials) == 4
    study.tell(trials[2], state=TrialState.FAIL)
    run_again(study, study.trials[2])
    assert spent(study.trials) == 3
    study.ask(SPACE)
    assert spent(study.trials) == 4
    # Lost once more.
    study.tell(4, state=TrialState.FAIL)
    run_again(study, study.trials[4])
    assert spent(study.trials) == 3 and lost(study.trials) == {2: 4, 4: 5}


def test_what_has_ended_is_read_once_and_a_job_reads_its_own_trial_alone(tmp_path, monkeypatch):
    url, read = f"sqlite:///{tmp_path}/study.db", []
    of_database = RDBStorage._get_trials

    def counted(*arguments, **named):
        found = of_database(*arguments, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(RDBStorage, "_get_trials", counted)
    database = open_storage(url)
    with remembered(database, url) as storage:
        study = optuna.create_study(study_name="long", storage=storage)
        for _ in range(5):
            study.tell(study.ask(SPACE), 1.0)
        read.clear()
        for _ in range(3):
            assert len(optuna.load_study(study_name="long", storage=storage).get_trials(deepcopy=False)) == 5
        assert read == [1, 0, 0]  # the last one, whose end it hadn't seen yet
        running = study.ask(SPACE)
        read.clear()
        mine = JobTrial(url, "long", running.number)
        assert mine.study._storage is controllers_storage(url) is storage
        mine.report(1, 0.5)
        mine.close()  # leaves the controller its connections
        assert study.trials[5].intermediate_values == {1: 0.5}
    assert controllers_storage(url) is None
    read.clear()
    elsewhere = JobTrial(url, "long", running.number)
    elsewhere.report(2, 0.6)
    elsewhere.recall({2: 0.6, 3: 0.7})
    assert elsewhere.repeated() == [] and read == []
    elsewhere.close()
    close_storage(database)


def test_a_controller_at_rest_holds_one_connection_and_both_ends_notice_a_host_that_is_gone():
    made = of_server(make_url("postgresql+psycopg://me@host/name"))
    assert made["pool_size"] == 1 and made["pool_pre_ping"]
    ends = made["connect_args"]
    assert ends["keepalives_idle"] + ends["keepalives_interval"] * ends["keepalives_count"] == 120
    assert "-c tcp_keepalives_idle=60" in ends["options"] and "-c tcp_user_timeout=120000" in ends["options"]
    # What the URL says stands.
    named = of_server(make_url("postgresql+psycopg://me@host/name?options=-csearch_path%3Dmine&keepalives_idle=9"))
    assert not {"options", "keepalives_idle"} & set(named["connect_args"])
    assert "connect_args" not in of_server(make_url("postgresql+pg8000://me@host/name"))


def test_a_server_that_is_away_for_a_moment_is_waited_for(monkeypatch, caplog):
    engine, calls = create_engine("sqlite://"), []
    connect_patiently(engine)
    connect = engine.dialect.connect

    def away_twice(*arguments, **named):
        calls.append(None)
        if len(calls) < 3:
            raise sqlite3.OperationalError("no route to host")
        return connect(*arguments, **named)

    monkeypatch.setattr(engine.dialect, "connect", away_twice)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert caplog.text.count("the study's database doesn't answer (no route to host)") == 2
    engine.dispose()
    # Not for ever.
    calls.clear()
    monkeypatch.setattr("amc_xai.search.connections.AWAY", 0)
    with pytest.raises(OperationalError, match="no route"):
        engine.connect()


def test_one_controller_at_a_time_holds_the_lock(storage):
    inside, most = [], []

    def controller():
        for _ in range(3):
            with study_lock(storage, "shared"):
                inside.append(None)
                most.append(len(inside))
                time.sleep(0.01)
                inside.pop()

    threads = [threading.Thread(target=controller) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 9
    with pytest.raises(RuntimeError, match="mine"), study_lock(storage, "shared"):
        raise RuntimeError("mine")
    with study_lock(storage, "shared"):
        pass


def test_heartbeats_go_on_through_trouble_and_end_with_the_block(storage, study, monkeypatch, caplog):
    beats, enough = [], threading.Event()

    def record(trial_id):
        beats.append(trial_id)
        if len(beats) == 1:
            raise OSError("the server is away")
        if len(beats) >= 5:
            enough.set()

    monkeypatch.setattr(storage, "record_heartbeat", record)
    with Heartbeat(storage, [7, 8], 0.01) as heartbeat:
        assert enough.wait(20)
    assert not heartbeat.thread.is_alive()
    assert beats[:5] == [7, 7, 8, 7, 8]
    assert "the server is away" in caplog.text


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://host/name", "must be the URL of a database that jobs and controllers can open"),
        ("no url", "must be the URL of a database"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgresql+psycopg://me:secret@/name?host=/nowhere", r"me:\*\*\*@/name.* can't be opened"),
    ],
)
def test_a_storage_that_can_not_be_opened_says_why(url, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_says_so(tmp_path):
    (tmp_path / "notes.db").write_text("these are notes, which are longer than a header of SQLite is: " * 20)
    with pytest.raises(UserError, match=r"notes\.db can't be opened \(file is not a database"):
        open_storage(f"sqlite:///{tmp_path}/notes.db")
