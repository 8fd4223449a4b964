"""What a node costs beside its work, and how close a build comes to the best schedule there is."""

import ctypes
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import generate
import postgres
from measure import Table, cold, measure, run

LIBRARY = Path(os.environ.get("DUCKDB_LIB_DIR", Path.home() / ".cache" / "tform" / "duckdb"))
THREADS = 8
# Seconds that each sleeping model takes in the warehouse.
SLEEP = 0.2


def bench(table: Table, tform: str, root: Path, quick: bool, server: postgres.Server | None) -> None:
    table.head("scheduling")
    no_ops(table, tform, root, 1000 if quick else 10_000, 1 if quick else 3)
    one_row_views(table, tform, root, 1 if quick else 3)
    if server:
        shapes(table, tform, root, server)


def no_ops(table: Table, tform: str, root: Path, nodes: int, times: int) -> None:
    """Exposures have nothing to run: what a build of them takes beside parsing is the scheduler's."""
    folder = root / "no_ops"
    generate.exposures(folder, nodes)
    parsed = measure([tform, "parse"], folder, times)
    built = measure([tform, "build", "--select", "resource_type:exposure", "--threads", str(THREADS)], folder, times)
    each = (built.seconds - parsed.seconds) / nodes
    table.add(f"overhead of each of {nodes:,} no-op nodes, {THREADS} threads", each, "µs", 100e-6)


def one_row_views(table: Table, tform: str, root: Path, times: int) -> None:
    """1,000 one-row views on DuckDB, and the same SQL by hand in one connection."""
    models = 1000
    folder = root / "flat"
    generate.generate(folder, models, 0, 0, flat=True)
    built = measure([tform, "run"], folder, times)
    cold(folder)
    statements = [f"create or replace view v{number} as (select {number} as id)" for number in range(models)]
    hand = statistics.median(send_by_hand(statements, root / "hand.duckdb") for _ in range(times))
    table.add(f"overhead of each of {models:,} one-row views on DuckDB", (built.seconds - hand) / models, "µs", 2000e-6)


def send_by_hand(statements: list[str], database: Path) -> float:
    """Seconds that the engine itself needs for the statements, in one connection, through its C API."""
    database.unlink(missing_ok=True)
    names = {"Darwin": "libduckdb.dylib"}
    engine = ctypes.CDLL(str(LIBRARY / names.get(platform.system(), "libduckdb.so")))
    handle, connection = ctypes.c_void_p(), ctypes.c_void_p()
    began = time.perf_counter()
    if engine.duckdb_open(str(database).encode(), ctypes.byref(handle)) != 0:
        sys.exit(f"{database} cannot be opened")
    engine.duckdb_connect(handle, ctypes.byref(connection))
    for statement in statements:
        if engine.duckdb_query(connection, statement.encode(), None) != 0:
            sys.exit(f"the engine refused: {statement}")
    engine.duckdb_disconnect(ctypes.byref(connection))
    engine.duckdb_close(ctypes.byref(handle))
    return time.perf_counter() - began


def shapes(table: Table, tform: str, root: Path, server: postgres.Server) -> None:
    """Models that sleep in PostgreSQL: a chain, a wide fan, and a chain hidden in a fan."""
    chain = {f"link_{at:03}": [f"link_{at - 1:03}"] if at else [] for at in range(20)}
    fan = {"trunk": [], **{f"leaf_{at:03}": ["trunk"] for at in range(THREADS * 20)}}
    # The chain's names sort last, so that only its length brings it forward.
    hidden = {f"loose_{at:03}": [] for at in range(THREADS * 12)}
    hidden |= {f"z_link_{at:03}": [f"z_link_{at - 1:03}"] if at else [] for at in range(12)}
    for name, parents, ideal in (
        ("a chain of 20", chain, 20 * SLEEP),
        (f"a fan of {THREADS * 20}", fan, (1 + 20) * SLEEP),
        # 108 models on 8 threads need 13.5 turns; the chain of 12 fits beside the others.
        ("a chain of 12 among 96 loose models", hidden, 14 * SLEEP),
    ):
        folder = root / name.replace(" ", "_")
        generate.sleepers(folder, parents, SLEEP, server.profile(THREADS))
        parsed = measure([tform, "parse"], folder, 3)
        cold(folder)
        built = run([tform, "run"], folder)
        took = built.seconds - parsed.seconds
        table.add(f"{name}, over the best schedule, {THREADS} threads", took / ideal, "", 1.05)
