"""SLURM on this machine: a controller and two node daemons, with every folder and port of the tests' own."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
NODES = ("n1", "n2")


@dataclass
class Slurm:
    """A running cluster: what its commands need in their environment, and its daemons."""

    folder: Path
    environment: dict[str, str]
    daemons: dict[str, subprocess.Popen]

    def ask(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    def start(self, node: str) -> None:
        """Start a node's daemon, again where it was killed."""
        self.daemons[node] = run_daemon(
            ["slurmd", "-D", "-N", node], self.folder / f"{node}.out", self.environment
        )


def run_daemon(command: list[str], log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen:
    with log.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def configuration(folder: Path, munge: Path) -> str:
    """Without accounting, cgroups or a service manager; two nodes of two jobs each on one host."""
    host = socket.gethostname().split(".")[0]
    controller, *ports = free_ports(1 + len(NODES))
    lines = [
        "ClusterName=tests", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmctldPort={controller}",
        "AuthType=auth/munge", f"AuthInfo=socket={munge},cred_expire=10", "CryptoType=crypto/munge",
        "SlurmUser=root", "SlurmdUser=root",
        f"StateSaveLocation={folder}/state", f"SlurmdSpoolDir={folder}/spool.%n",
        f"SlurmctldPidFile={folder}/slurmctld.pid", f"SlurmdPidFile={folder}/slurmd.%n.pid",
        f"SlurmctldLogFile={folder}/slurmctld.log", f"SlurmdLogFile={folder}/slurmd.%n.log",
        "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU", "ReturnToService=2", "MpiDefault=none", "JobRequeue=1",
        "JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none",
        # A cancelled job's grace, a silent node's, and how often it is looked for jobs that may start by now.
        "KillWait=5", "SlurmdTimeout=10", "MinJobAge=300", "OverTimeLimit=0",
        "SchedulerParameters=sched_interval=2,bf_interval=2",
        *(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN"
            for node, port in zip(NODES, ports, strict=True)
        ),
        f"PartitionName=main Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A cluster of two nodes, ready for jobs; skipped in words where it can't be had."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    if missing:
        pytest.skip(f"SLURM isn't installed: there is no {missing[0]} (Debian: apt-get install slurm-wlm munge)")
    if os.getuid() != 0:
        pytest.skip("SLURM's daemons start jobs for other users, so that only root can run them")
    folder = Path(tmp_path_factory.mktemp("slurm"))
    for name in ("state", *(f"spool.{node}" for node in NODES)):
        (folder / name).mkdir()
    environment = {**os.environ, "PATH": search_path(), "SLURM_CONF": str(folder / "slurm.conf")}
    munge = start_munge(folder, environment)
    (folder / "slurm.conf").write_text(configuration(folder, folder / "munge/socket"))
    cluster = Slurm(folder, environment, {"munge": munge})
    cluster.daemons["controller"] = run_daemon(["slurmctld", "-D", "-c"], folder / "controller.out", environment)
    try:
        for node in NODES:
            cluster.start(node)
        wait_until(lambda: ready(cluster), 60)
        yield cluster
    finally:
        subprocess.run(["scancel", "--user=root"], env=environment, capture_output=True)
        if cluster.daemons["controller"].poll() is None:
            wait_until(lambda: not cluster.ask("squeue", "-h", "-o", "%i").strip(), 60)
        for daemon in reversed(cluster.daemons.values()):
            daemon.send_signal(signal.SIGTERM)
        for daemon in cluster.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def search_path() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def start_munge(folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    """The service that lets SLURM's daemons know each other, with a key and a socket of its own."""
    place = folder / "munge"
    place.mkdir()
    (place / "key").write_bytes(os.urandom(128))
    (place / "key").chmod(0o400)
    command = [
        "munged", "--foreground", "--force", f"--key-file={place}/key", f"--socket={place}/socket",
        f"--pid-file={place}/pid", f"--log-file={place}/log", f"--seed-file={place}/seed",
    ]  # fmt: skip
    daemon = run_daemon(command, place / "out", environment)
    wait_until(lambda: (place / "socket").exists(), 20)
    return daemon


def ready(cluster: Slurm) -> bool:
    found = subprocess.run(
        ["sinfo", "-h", "-N", "-o", "%t"], env=cluster.environment, capture_output=True, text=True
    )
    return found.returncode == 0 and found.stdout.split() == ["idle"] * len(NODES)


def wait_until(true, seconds: float) -> None:
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < seconds, "waited in vain"
        time.sleep(0.2)
