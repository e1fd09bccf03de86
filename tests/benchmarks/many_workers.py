"""What a trial costs by the study's history and the number of controllers, on a PostgreSQL server of its own.

``python -m tests.benchmarks.many_workers [--controllers 1 8 32 64] [--history 10 1000 10000] [OVERRIDES...]``; its
trials sleep. A trial's CPU is its controller's between the beginnings of two trials, and the server's apart.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import create_engine, text

from tests.search.postgres import postgres_server
from tests.search.workers import counted, fill_study, fork_controllers, notes, wait_for

COLUMNS = (
    "history", "controllers", "trials", "seconds", "completed", "lost", "doubled", "CPU ms", "server ms",
    "lock wait ms", "95 %", "of it locked ms", "finish CPU s", "connections",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--controllers", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--history", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--trials", type=int, help="of each run; default: 3 a controller, 16 at least")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a trial sleeps")
    chosen, overrides = parser.parse_known_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    with postgres_server(max_connections="800") as (url, server), tempfile.TemporaryDirectory() as place:
        for history in chosen.history:
            fill_study(database(url, f"history_{history}"), history)
            for controllers in chosen.controllers:
                name = f"run_{history}_{controllers}"
                own = database(url, name, f"history_{history}")
                trials = chosen.trials or max(16, 3 * controllers)
                row = measure(
                    own, Path(place) / name, server, history, controllers, trials, chosen.seconds, overrides
                )
                print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def database(url: str, name: str, template: str = "template1") -> str:
    """The URL of a new database on this server, a copy of ``template``."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return url.replace("/postgres?", f"/{name}?")


def measure(
    url: str,
    folder: Path,
    server: int,
    history: int,
    controllers: int,
    trials: int,
    seconds: float,
    given: list[str],
) -> list:
    before, begin, most = server_cpu(server), time.monotonic(), 0
    idle = len(psutil.Process(server).children())
    budget = history + trials
    own = [f"hydra.sweeper.n_trials={budget}", f"hydra.sweeper.storage='{url}'", "backbone=tiny", *given]
    processes = fork_controllers(folder, controllers, seconds, *own)
    while any(os.waitid(os.P_PID, p, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for p in processes):
        most = max(most, len(psutil.Process(server).children()))
        time.sleep(0.5)
    codes = wait_for(processes)
    assert not any(codes), (folder / f"controller_{processes[codes.index(max(codes))]}.log").read_text()
    spent, waits, locked, finishing = [], [], [], []
    for lines in notes(folder):
        begun = [line[1] for line in lines if line[0] == "trial"]
        spent += list(np.diff(begun))
        waits += [line[2] for line in lines if line[0] == "lock"]
        locked += [line[3] for line in lines if line[0] == "lock"]
        at = {line[0]: line[1] for line in lines}
        if "finished" in at:
            finishing.append(at["finished"] - at["finishing"])
    counts = counted(url, folder)
    return [
        history, controllers, trials, f"{time.monotonic() - begin:.0f}",
        counts["completed"] - history, counts["lost"], counts["doubled"],
        f"{1000 * np.mean(spent):.0f}", f"{1000 * (server_cpu(server) - before) / trials:.0f}",
        f"{1000 * np.mean(waits):.0f}", f"{1000 * np.quantile(waits, 0.95):.0f}",
        f"{1000 * np.median(locked):.0f}",
        f"{np.mean(finishing):.1f}", most - idle,
    ]  # fmt: skip


def server_cpu(server: int) -> float:
    """CPU seconds of the server and its processes, those that have ended too."""
    process = psutil.Process(server)
    of_ended = process.cpu_times()
    total = of_ended.user + of_ended.system + of_ended.children_user + of_ended.children_system
    for child in process.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
