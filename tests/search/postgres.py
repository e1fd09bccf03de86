"""A PostgreSQL server of the tests' own, on a socket in a folder of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

MISSING = "PostgreSQL isn't installed (apt-get install postgresql)"


def server_programs() -> Path | None:
    """Where Debian, or the search path, has initdb and postgres."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path(shutil.which("initdb") or "/-").parent]
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


@contextmanager
def postgres_server(listen: str = "", before: Sequence[str] = (), **settings: str) -> Iterator[tuple[str, int]]:
    """The URL of a fresh server, and its process; it ends with the block.

    It ``listen``s on its socket, or on that address, which everyone may come from; ``before`` is put before the
    server's command, such as a network namespace; ``settings`` are PostgreSQL's.
    """
    programs = server_programs()
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/amc_pg_XXXXXX"], text=True).strip())
    # The server refuses to run as root.
    user = pwd.getpwnam("postgres").pw_name if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    initialise = [programs / "initdb", "-D", data, "-U", "amc", "-A", "trust", "--no-sync"]
    subprocess.run(initialise, check=True, user=user, **quiet)
    if listen:
        with (data / "pg_hba.conf").open("a") as file:
            file.write("host all all 0.0.0.0/0 trust\n")
    settings = {"listen_addresses": listen, "fsync": "off", **settings}
    chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
    command = [*before, *as_user, programs / "postgres", "-D", data, "-k", folder, *chosen]
    server = subprocess.Popen(command, **quiet)
    url = f"postgresql+psycopg://amc@/postgres?host={folder}"
    try:
        wait_for(url)
        yield url, server.pid
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(url: str) -> None:
    """Wait ten seconds at most until the server answers."""
    for _ in range(100):
        engine = create_engine(url)
        try:
            engine.connect().close()
            return
        except OperationalError:
            time.sleep(0.1)
        finally:
            engine.dispose()
