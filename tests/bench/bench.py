"""Speed and memory of whole commands on generated projects, beside dbt where it is at hand.

    make bench
    python3 tests/bench/bench.py --tform target/release/tform [--dbt PATH | --no-dbt] [--quick]

Every figure is the median of some runs, each from cold (no `target` folder). The peer is dbt-core
with dbt-duckdb: `--dbt`, or else what pip installs into ~/.cache/tform/bench. It runs the same
projects on the same machine in the same call; without it the comparison is left out, and said so.
"""

import argparse
import ctypes
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import fused
import generate

CACHE = Path.home() / ".cache" / "tform" / "bench"
PEER = ["dbt-core~=1.11.0", "dbt-duckdb~=1.10", "dbt-postgres~=1.10"]
LIBRARY = Path(os.environ.get("DUCKDB_LIB_DIR", Path.home() / ".cache" / "tform" / "duckdb"))


@dataclass
class Run:
    seconds: float
    peak_mb: float


def run(command: list[str], folder: Path) -> Run:
    """Runs a command and gives its time and its peak memory; ends the bench if it fails."""
    environment = {**os.environ, "DO_NOT_TRACK": "1", "DBT_PROFILES_DIR": str(folder), "NO_COLOR": "1"}
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')[-3000:]}")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_maxrss / unit)


def cold(folder: Path) -> None:
    for name in ("target", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("bench.duckdb*"):
        path.unlink()


def measure(command: list[str], folder: Path, times: int) -> Run:
    runs = []
    for _ in range(times):
        cold(folder)
        runs.append(run(command, folder))
    return Run(statistics.median(one.seconds for one in runs), max(one.peak_mb for one in runs))


def send_by_hand(statements: list[str], database: Path) -> float:
    """Seconds that the engine itself needs for the statements, in one connection, through its C API."""
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


def peer(given: str | None) -> str | None:
    """The path of dbt: as given, installed before, or installed now."""
    if given:
        return given
    installed = CACHE / "venv" / "bin" / "dbt"
    if not installed.exists():
        print(f"installing {' '.join(PEER)} into {CACHE / 'venv'}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
            pip = [str(CACHE / "venv" / "bin" / "pip"), "install", "--quiet", *PEER]
            subprocess.run(pip, check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"dbt cannot be installed ({error}): no comparison", file=sys.stderr)
            return None
    return str(installed) if installed.exists() else None


class Report:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def add(self, what: str, figure: str, wanted: str = "") -> None:
        self.rows.append((what, figure, wanted))
        print(f"{what:<58} {figure:>12}  {wanted}", flush=True)


def bench(tform: str, dbt: str | None, quick: bool) -> None:
    report = Report()
    times = 1 if quick else 3
    with tempfile.TemporaryDirectory(prefix="tform-bench-") as scratch:
        root = Path(scratch)
        starts = [run([tform, "--version"], root).seconds for _ in range(21)]
        report.add("start-up (`tform --version`)", f"{statistics.median(starts) * 1000:.1f} ms", "under 15 ms")
        for models in (100, 1000) if quick else (100, 1000, 10_000):
            folder = root / f"layered_{models}"
            generate.generate(folder, models, models * 2, 500)
            parsed = measure([tform, "parse"], folder, times)
            largest = models == 10_000
            what = f"parse {models} models, {models * 2} tests, 500 macros"
            report.add(what, f"{parsed.seconds:.2f} s", "under 1.5 s" if largest else "")
            report.add("  peak memory", f"{parsed.peak_mb:.0f} MB", "under 500 MB" if largest else "")
        site(report, tform, root, 1000 if quick else 10_000, times)
        overhead(report, tform, root, times)
        if dbt:
            compare(report, tform, dbt, root)
    rows = 200_000 if quick else fused.ROWS
    fused.bench(report.add, tform, dbt, ["postgres", "duckdb"], rows, times)


def site(report: Report, tform: str, root: Path, models: int, times: int) -> None:
    """The documentation site: writing it, its size, and in a browser (if its tests are installed) how it opens."""
    folder = root / "documented"
    generate.generate(folder, models, models * 2, 500, columns=20)
    written = measure([tform, "docs", "generate", "--empty-catalog", "--no-compile"], folder, times)
    size = sum(path.stat().st_size for path in (folder / "target" / "site").iterdir())
    largest = models == 10_000
    report.add(f"docs generate, {models} models of 20 columns", f"{written.seconds:.2f} s", "under 5 s" if largest else "")
    report.add("  peak memory", f"{written.peak_mb:.0f} MB", "under 600 MB" if largest else "")
    report.add("  folder", f"{size / 1e6:.1f} MB", "under 15 MB" if largest else "")
    browser = Path(__file__).parent.parent / "browser"
    if not (browser / "node_modules").is_dir():
        print("the site is not opened: `make docs-test` installs what that needs", file=sys.stderr)
        return
    subprocess.run(["node", str(browser / "bench.mjs"), str(folder / "target")], check=False)


def overhead(report: Report, tform: str, root: Path, times: int) -> None:
    """What a node costs beside its SQL: 1,000 one-row views, with tform and sent by hand."""
    models = 1000
    folder = root / "flat"
    generate.generate(folder, models, 0, 0, flat=True)
    built = measure([tform, "run"], folder, times)
    statements = [f"create or replace view v{number} as (select {number} as id)" for number in range(models)]
    by_hand = []
    for _ in range(times):
        database = root / "hand.duckdb"
        database.unlink(missing_ok=True)
        by_hand.append(send_by_hand(statements, database))
    hand = statistics.median(by_hand)
    report.add(f"run of {models} one-row views", f"{built.seconds:.2f} s")
    report.add("  the same SQL by hand", f"{hand:.2f} s")
    report.add("  overhead per node", f"{(built.seconds - hand) / models * 1000:.2f} ms", "under 2 ms")


def compare(report: Report, tform: str, dbt: str, root: Path) -> None:
    """The peer on the projects of 1,000 models, once each: it takes minutes."""
    version = subprocess.run([dbt, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[1].strip()
    report.add("peer: dbt-core", version.removeprefix("- ").strip())
    no_parse_cache = ["--no-partial-parse"]
    for what, arguments, folder in (
        ("parse 1000 models", ["parse"], root / "layered_1000"),
        ("run of 1000 one-row views", ["run"], root / "flat"),
    ):
        ours = measure([tform, *arguments], folder, 1)
        theirs = measure([dbt, *no_parse_cache, *arguments], folder, 1)
        report.add(f"{what}: tform", f"{ours.seconds:.2f} s")
        report.add(f"{what}: dbt", f"{theirs.seconds:.2f} s")
        report.add("  times as fast", f"{theirs.seconds / ours.seconds:.0f}")
        report.add("  memory: tform, dbt", f"{ours.peak_mb:.0f}, {theirs.peak_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tform", default="target/release/tform")
    parser.add_argument("--dbt", default=os.environ.get("DBT"), help="the peer's path; default: installed by pip")
    parser.add_argument("--no-dbt", action="store_true")
    parser.add_argument("--quick", action="store_true", help="smaller projects, single runs")
    arguments = parser.parse_args()
    tform = str(Path(arguments.tform).resolve())
    bench(tform, None if arguments.no_dbt else peer(arguments.dbt), arguments.quick)


if __name__ == "__main__":
    main()
