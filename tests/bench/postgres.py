"""A throw-away PostgreSQL server, and what a run on it costs beside its statements."""

import json
import socket
import subprocess
import time
from pathlib import Path

import generate
from measure import Run, Table, cold, run

THREADS = 4
SCRIPT = Path(__file__).parent.parent / "tools" / "postgres.sh"


class Server:
    """Runs as long as this object is open."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([str(SCRIPT), str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if line[:1] != ["ready"]:
            raise OSError("PostgreSQL did not start")
        self.folder = line[1]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def profile(self, threads: int) -> str:
        return (
            "type: postgres, host: 127.0.0.1, user: tform, password: secret, dbname: postgres, schema: bench, "
            f"port: {self.port}, threads: {threads}"
        )

    def psql(self) -> list[str]:
        """psql on the same way to the server as tform: over TCP, with TLS where the server offers it."""
        way = f"host=127.0.0.1 port={self.port} user=tform password=secret dbname=postgres"
        return ["psql", way, "-q", "-v", "ON_ERROR_STOP=1"]

    def forget(self) -> None:
        """Drops what a run made."""
        drop = "drop schema if exists bench cascade"
        subprocess.run([*self.psql(), "-c", drop], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def open_server() -> Server | None:
    try:
        return Server()
    except OSError as error:
        print(f"no PostgreSQL ({error}): its figures are left out; `make packages` installs it")
        return None


def bench(table: Table, tform: str, dbt: str | None, root: Path, server: Server, quick: bool) -> None:
    """`run` of 500 views beside the same statements by psql, and beside dbt."""
    views = 100 if quick else 500
    folder = root / "views"
    generate.generate(folder, views, 0, 0, flat=True, profile=server.profile(THREADS))
    table.head(f"run of {views} views on PostgreSQL, {THREADS} threads")
    fresh_run([tform, "--log-format-file", "json", "run"], folder, server)
    sent = statements_of(folder / "logs" / "dbt.log")
    statements = of_nodes(sent)
    ours = [fresh_run([tform, "run"], folder, server) for _ in range(5)]
    cold(folder)
    parsed = min(run([tform, "parse"], folder).seconds for _ in range(3))
    by_hand = min(send_by_psql(list(statements.values()), folder, server) for _ in range(5))
    seconds = min(one.seconds for one in ours)
    table.add("tform, whole command", seconds, "s")
    table.add("  of that, up to the first node (as `parse`)", parsed, "s")
    table.add("the same statements by psql", by_hand, "s")
    table.add("whole command over psql", seconds / by_hand, "", 1.15)
    table.add("run alone over psql", (seconds - parsed) / by_hand, "", 1.15)
    table.add("statements per view", sum(len(each) for each in statements.values()) / len(statements), "", 4)
    table.add("questions to the catalog, for all views", sum(asks_catalog(sql) for _, sql in sent), "", 1)
    if dbt:
        theirs = fresh_run([dbt, "--no-partial-parse", "run"], folder, server)
        table.add("dbt", theirs.seconds, "s")
        table.note(f"{theirs.seconds / seconds:.0f} times as fast")


def fresh_run(command: list[str], folder: Path, server: Server) -> Run:
    cold(folder)
    server.forget()
    return run(command, folder)


def statements_of(log: Path) -> list[tuple[str, str]]:
    """The statements of a run, each with its connection's name."""
    events = map(json.loads, log.read_text().splitlines())
    return [(event["data"]["conn_name"], event["data"]["sql"]) for event in events if event["info"]["name"] == "SQLQuery"]


def asks_catalog(sql: str) -> bool:
    """tform's own question is logged by its name."""
    return sql.startswith("list ") or any(word in sql for word in ["pg_catalog.", "pg_class", "pg_namespace", "information_schema."])


def of_nodes(sent: list[tuple[str, str]]) -> dict[str, list[str]]:
    """The statements that each model sent, by its connection's name."""
    statements: dict[str, list[str]] = {}
    for connection, sql in sent:
        if connection.startswith("model."):
            statements.setdefault(connection, []).append(sql)
    return statements


def send_by_psql(groups: list[list[str]], folder: Path, server: Server) -> float:
    """Seconds that as many psql need as tform had threads, each with its share of the models."""
    server.forget()
    subprocess.run([*server.psql(), "-c", "create schema bench"], check=True)
    files = []
    for share in range(THREADS):
        path = folder / f"share_{share}.sql"
        path.write_text("".join(f"{sql.rstrip().rstrip(';')};\n" for group in groups[share::THREADS] for sql in group))
        files.append(path)
    began = time.perf_counter()
    sent = [subprocess.Popen([*server.psql(), "-f", str(path)], stdout=subprocess.DEVNULL) for path in files]
    if any(process.wait() != 0 for process in sent):
        raise SystemExit("psql failed")
    return time.perf_counter() - began
