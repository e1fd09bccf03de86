"""Connections to a study's PostgreSQL server: few of them, and through a cut of the link."""

import logging
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine

log = logging.getLogger(__name__)
AWAY = 120  # seconds that a server may be away in the midst of a study


def of_server(url: URL) -> dict[str, Any]:
    """How to keep connections to a PostgreSQL server.

    A controller at rest holds one, since a server has a hundred by default. A host that is gone is noticed by both
    ends after two minutes: else the server would keep its study's lock for two hours, and everyone would wait.
    """
    arguments: dict[str, Any] = {"pool_size": 1, "max_overflow": 4, "pool_pre_ping": True}
    if url.get_driver_name().startswith("psycopg"):
        keep = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
        lost_after = 1000 * AWAY  # milliseconds until what was sent must have arrived
        server = [f"-c tcp_{name}={value}" for name, value in keep.items()] + [f"-c tcp_user_timeout={lost_after}"]
        both = {**keep, "tcp_user_timeout": lost_after, "options": " ".join(server)}
        arguments["connect_args"] = {name: value for name, value in both.items() if name not in url.query}
    return arguments


def connect_patiently(engine: Engine) -> None:
    """Let new connections wait for a server that was there before, such as one whose link is cut."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: tuple, named: dict) -> Any:
        end = time.monotonic() + AWAY
        while True:
            try:
                return dialect.connect(*arguments, **named)
            except dialect.loaded_dbapi.OperationalError as error:
                if time.monotonic() >= end:
                    raise
                log.warning("the study's database doesn't answer (%s); trying again", str(error).strip())
                time.sleep(5)
