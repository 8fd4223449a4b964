"""Data tests fused and by themselves, beside dbt-core, on PostgreSQL and DuckDB.

    python3 tests/bench/fused.py --tform target/release/tform [--dbt PATH] [--rows 5000000] [--engine postgres]

(a) PostgreSQL, one table of 5 million rows, 30 tests: 12 not_null, 4 unique, 6 accepted_values, 4 relationships,
    4 expressions; (b) the same on DuckDB; (c) 200 tests over 40 tables of 1,000 rows on both.
Each figure is the median of some whole commands, which take turns; beside the time stand the seconds of processor
that the command and the server took together, which depend less on what else the machine does. A throw-away PostgreSQL is started
by tests/tools/postgres.sh. dbt-core runs the same tests once; its expressions are a macro of the project, since
it has none built in.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import measure as bench_measure

ROWS = 5_000_000
SMALL_TABLES, SMALL_ROWS = 40, 1000
THREADS = 4
STATEMENT = re.compile(r"\bOn [^\s:]+: ")
OWN_EXPRESSION = """{% test expression_is_true(model, expression, column_name=none) %}
select * from {{ model }} where not ({{ column_name ~ ' ' if column_name }}{{ expression }})
{% endtest %}
"""

# A prime above the number of rows: multiples of it are all rows in another order.
BIG = """{{{{ config(materialized='table') }}}}
select
  i as id,
  cast(i as bigint) * 7919 % {prime} as receipt,
  'c' || cast(i as bigint) * 104729 % {prime} as code,
  cast(i as bigint) * 15485863 % {prime} as token,
  i % 10000 + 1 as customer,
  i * 7 % 2000 + 1 as product,
  i % 500 + 1 as store,
  'r' || (i % 50 + 1) as region,
  case i % 5 when 0 then 'new' when 1 then 'paid' when 2 then 'sent' when 3 then 'done' else 'back' end as status,
  case i % 3 when 0 then 'web' when 1 then 'shop' else 'phone' end as channel,
  case i % 3 when 0 then 'EUR' when 1 then 'USD' else 'KRW' end as currency,
  case i % 2 when 0 then 'yes' else 'no' end as gift,
  i % 7 as weekday,
  case i % 4 when 0 then 'S' when 1 then 'M' when 2 then 'L' else 'XL' end as size,
  cast(i % 100000 as decimal(12, 2)) / 100 as amount,
  i % 99 + 1 as quantity,
  timestamp '2020-01-01 00:00:00' + i % 100000 * interval '1 minute' as ordered_at
from generate_series(1, {rows}) as t(i)
"""
PARENTS = {"customers": 10000, "products": 2000, "stores": 500}
NOT_NULL = ["id", "receipt", "code", "customer", "product", "store", "status", "channel", "currency", "amount", "quantity",
            "ordered_at"]
UNIQUE = ["id", "receipt", "code", "token"]
ACCEPTED = {
    "status": "[new, paid, sent, done, back]",
    "channel": "[web, shop, phone]",
    "currency": "[EUR, USD, KRW]",
    "gift": "['yes', 'no']",
    "weekday": "[0, 1, 2, 3, 4, 5, 6]",
    "size": "[S, M, L, XL]",
}
RELATED = {"customer": ("customers", "id"), "product": ("products", "id"), "store": ("stores", "id"), "region": ("regions", "code")}
EXPRESSIONS = ["amount >= 0", "quantity between 1 and 99", "id <> 0 and length(code) > 1", "ordered_at >= timestamp '2020-01-01'"]


def profile(engine: str, port: int) -> str:
    place = "type: duckdb, path: bench.duckdb"
    if engine == "postgres":
        place = f"type: postgres, host: 127.0.0.1, port: {port}, user: tform, password: secret, dbname: postgres, schema: bench"
    return f"bench:\n  target: dev\n  outputs:\n    dev: {{{place}, threads: {THREADS}}}\n"


def test(kind: str, name: str, arguments: dict, tag: str) -> str:
    shown = ", ".join(f"{key}: {value}" for key, value in arguments.items())
    return f"      - {kind}: {{name: {name}, arguments: {{{shown}}}, config: {{tags: [{tag}]}}}}\n"


def expression(own: bool) -> str:
    return "tform.expression_is_true" if own else "expression_is_true"


def big_tests(own: bool) -> str:
    lines = ["models:\n  - name: orders\n    data_tests:\n"]
    lines += [test("not_null", f"not_null_{column}", {"column_name": column}, "scan") for column in NOT_NULL]
    lines += [test("unique", f"unique_{column}", {"column_name": column}, "keys") for column in UNIQUE]
    for column, values in ACCEPTED.items():
        lines.append(test("accepted_values", f"accepted_{column}", {"column_name": column, "values": values}, "scan"))
    for column, (to, field) in RELATED.items():
        arguments = {"column_name": column, "to": f"ref('{to}')", "field": field}
        lines.append(test("relationships", f"related_{column}", arguments, "related"))
    for number, text in enumerate(EXPRESSIONS):
        lines.append(test(expression(own), f"expression_{number}", {"expression": f'"{text}"'}, "scan"))
    return "".join(lines)


def small_tests(own: bool) -> str:
    lines = ["models:\n"]
    for number in range(SMALL_TABLES):
        lines.append(f"  - name: small_{number}\n    data_tests:\n")
        to = f"ref('small_{(number + 1) % SMALL_TABLES}')"
        tests = [
            ("not_null", {"column_name": "id"}),
            ("unique", {"column_name": "id"}),
            ("accepted_values", {"column_name": "status", "values": "[a, b, c]"}),
            ("relationships", {"column_name": "id", "to": to, "field": "id"}),
            (expression(own), {"expression": '"amount >= 0"'}),
        ]
        lines += [test(kind, f"test_{number}_{at}", arguments, "small") for at, (kind, arguments) in enumerate(tests)]
    return "".join(lines)


def write(folder: Path, engine: str, port: int, rows: int, own: bool) -> None:
    """A project with the large table's tests in one file and the small ones' in another."""
    for part in ("models", "macros"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(
        "name: bench\nversion: '1.0'\nconfig-version: 2\nprofile: bench\nflags:\n  send_anonymous_usage_stats: false\n"
    )
    (folder / "profiles.yml").write_text(profile(engine, port))
    if not own:
        (folder / "macros" / "expression.sql").write_text(OWN_EXPRESSION)
    prime = next(number for number in range(rows + 1, 2 * rows + 9) if is_prime(number))
    (folder / "models" / "orders.sql").write_text(BIG.format(rows=rows, prime=prime))
    for name, count in PARENTS.items():
        text = f"{{{{ config(materialized='table') }}}}\nselect i as id from generate_series(1, {count}) as t(i)\n"
        (folder / "models" / f"{name}.sql").write_text(text)
    regions = "{{ config(materialized='table') }}\nselect 'r' || i as code from generate_series(1, 50) as t(i)\n"
    (folder / "models" / "regions.sql").write_text(regions)
    for number in range(SMALL_TABLES):
        (folder / "models" / f"small_{number}.sql").write_text(
            "{{ config(materialized='table') }}\nselect i as id, case i % 3 when 0 then 'a' when 1 then 'b' else 'c' end as status, "
            f"i % 17 as amount from generate_series(1, {SMALL_ROWS}) as t(i)\n"
        )
    (folder / "models" / "big.yml").write_text(big_tests(own))
    (folder / "models" / "small.yml").write_text(small_tests(own))


def is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


@dataclass
class Run:
    seconds: float
    # Of processor, the server's included.
    busy: float
    statements: int


class Place:
    """Where the tests run: a folder, and the server's process if there is one."""

    def __init__(self, folder: Path, server: int | None) -> None:
        self.folder, self.server = folder, server

    def server_busy(self) -> float:
        """Seconds of processor of the server and of all its sessions that have ended (where /proc tells)."""
        try:
            fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def run(self, command: list[str]) -> Run:
        shutil.rmtree(self.folder / "logs", ignore_errors=True)
        before = self.server_busy()
        done = bench_measure.run(command, self.folder)
        # Sessions count when the server has seen their end.
        time.sleep(0.2 if self.server else 0)
        busy = done.processor_seconds + self.server_busy() - before
        log = (self.folder / "logs" / "dbt.log").read_text(errors="replace")
        return Run(done.seconds, busy, sum(1 for line in log.splitlines() if STATEMENT.search(line)))

    def in_turns(self, commands: dict[str, list[str]], times: int) -> dict[str, Run]:
        """The median of each command, one after the other in each round: what disturbs the machine disturbs all."""
        seen: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(times):
            for name, command in commands.items():
                seen[name].append(self.run(command))
            # The first of a round finds what the last one left: each is first in turn.
            commands = dict([*commands.items()][1:] + [*commands.items()][:1])
        median = statistics.median
        return {
            name: Run(median(one.seconds for one in runs), median(one.busy for one in runs), runs[0].statements)
            for name, runs in seen.items()
        }


@contextmanager
def postgres():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    script = Path(__file__).parent.parent / "tools" / "postgres.sh"
    server = subprocess.Popen(["sh", str(script), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        ready, _, folder = server.stdout.readline().strip().partition(" ")
        if ready != "ready":
            sys.exit("PostgreSQL did not start; install Debian's `postgresql`")
        yield port, int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        server.stdin.close()
        server.wait()


class Figures:
    """Prints what was measured, and what was wanted."""

    def __init__(self, add) -> None:
        self.add = add

    def times(self, what: str, measured: dict[str, Run]) -> None:
        for name, one in measured.items():
            self.add(f"{what}: {name}", f"{one.seconds:.2f} s", f"{one.busy:.2f} s busy, {one.statements} statements")

    def ratio(self, what: str, slow: Run, fast: Run, wanted: str) -> None:
        self.add(f"  {what}", f"{slow.seconds / fast.seconds:.2f}", f"{wanted}; busy {slow.busy / fast.busy:.2f}".lstrip("; "))


def bench(add, tform: str, dbt: str | None, engines: list[str], rows: int, times: int) -> None:
    figures = Figures(add)
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix="tform-fused-") as scratch:
            if engine == "postgres":
                with postgres() as server:
                    measure(figures, engine, server, Path(scratch), tform, dbt, rows, times)
            else:
                measure(figures, engine, (0, None), Path(scratch), tform, dbt, rows, times)


def measure(figures: Figures, engine: str, server: tuple, scratch: Path, tform: str, dbt: str | None, rows: int, times: int) -> None:
    port, process = server
    ours, theirs = Place(scratch / "ours", process), Place(scratch / "theirs", process)
    write(ours.folder, engine, port, rows, own=True)
    write(theirs.folder, engine, port, rows, own=False)
    ours.run([tform, "run"])
    if engine == "duckdb":
        for file in ours.folder.glob("bench.duckdb*"):
            shutil.copy(file, theirs.folder / file.name)
    large = f"{engine}, {rows // 1000} thousand rows"
    if engine == "duckdb":
        # Its runs are short, and a twentieth is to be told.
        times *= 4

    def modes(select: str, flags: dict[str, list[str]]) -> dict[str, list[str]]:
        return {name: [tform, "test", "--select", select, *more] for name, more in flags.items()}

    both = {"by default": [], "unfused": ["--no-fuse"], "fused": ["--fuse"]}
    scans = ours.in_turns(modes("orders,tag:scan", both), times)
    figures.times(f"{large}, 22 scan tests", scans)
    usual, alone = scans["by default"], scans["unfused"]
    if engine == "postgres":
        figures.ratio("scan tests, unfused / by default", alone, usual, "at least 4")
    whole = ours.in_turns(modes("orders", both), times)
    figures.times(f"{large}, 30 tests", whole)
    usual, alone = whole["by default"], whole["unfused"]
    if engine == "postgres":
        figures.ratio("30 tests, unfused / by default", alone, usual, "at least 2")
    else:
        figures.ratio("30 tests, by default / unfused", usual, alone, "at most 1.05")
    if dbt:
        peer = {"dbt-core": [dbt, "test", "--select", "orders"]}
        seconds = theirs.in_turns(peer, 1)
        figures.times(f"{large}, 30 tests", seconds)
        figures.ratio("dbt-core / by default", seconds["dbt-core"], usual, "at least 2.5" if engine == "postgres" else "")
    small = f"{engine}, {SMALL_TABLES} tables of {SMALL_ROWS} rows, {5 * SMALL_TABLES} tests"
    measured = ours.in_turns(modes("tag:small", both), times)
    figures.times(small, measured)
    if dbt:
        seconds = theirs.in_turns({"dbt-core": [dbt, "test", "--select", "tag:small"]}, 1)
        figures.times(small, seconds)
        figures.ratio("dbt-core / by default", seconds["dbt-core"], measured["by default"], "at least 15")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tform", default="target/release/tform")
    parser.add_argument("--dbt", default=os.environ.get("DBT"), help="the peer's path; without it nothing is compared")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--engine", choices=["postgres", "duckdb"], action="append")
    arguments = parser.parse_args()

    def add(what: str, figure: str, wanted: str = "") -> None:
        print(f"{what:<70} {figure:>10}  {wanted}", flush=True)

    tform = str(Path(arguments.tform).resolve())
    bench(add, tform, arguments.dbt, arguments.engine or ["postgres", "duckdb"], arguments.rows, arguments.times)


if __name__ == "__main__":
    main()
