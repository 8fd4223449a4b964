"""Running a command and what it costs; the table that the bench prints."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path


LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass
class Run:
    seconds: float
    # Of all threads together, the system's part included: steadier than the time on a machine with other work.
    processor_seconds: float
    peak_mb: float


class TooLong(Exception):
    """A command was ended because it took longer than it was given."""


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None, limit: float | None = None) -> Run:
    """Runs a command and gives its time and its peak memory; ends the bench if it fails.

    A command that takes more than `limit` seconds is ended, and `TooLong` is raised.
    """
    given = {"DO_NOT_TRACK": "1", "DBT_PROFILES_DIR": str(folder), "NO_COLOR": "1", **(environment or {})}
    ours, theirs = os.pipe()
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(theirs), *command]
    with tempfile.TemporaryFile() as output, os.fdopen(ours, "rb") as report:
        # A session of its own, so that the command is ended together with what started it.
        process = subprocess.Popen(
            launcher,
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, **given},
            pass_fds=[theirs],
            start_new_session=True,
        )
        os.close(theirs)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise TooLong from None
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            raise
        if process.returncode != 0:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')[-3000:]}")
        cost = json.loads(report.read())
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Run(cost["seconds"], cost["processor_seconds"], cost["peak"] / unit)


def cold(folder: Path) -> None:
    """Puts aside what earlier runs left.

    It is not deleted here: for seconds after ten thousand files were deleted, ext4 looks for an inode
    that was not among them for each new file, which costs more than all that is measured.
    """
    aside = Path(tempfile.mkdtemp(prefix="aside-", dir=folder.parent))
    for path in (folder / "target", folder / "logs", *folder.glob("bench.duckdb*")):
        if path.exists():
            path.rename(aside / path.name)


def measure(command: list[str], folder: Path, times: int) -> Run:
    """The median of some runs from cold; the memory is the greatest."""
    runs = []
    for _ in range(times):
        cold(folder)
        runs.append(run(command, folder))
    median = lambda of: statistics.median(of(one) for one in runs)
    return Run(median(lambda one: one.seconds), median(lambda one: one.processor_seconds), max(one.peak_mb for one in runs))


UNITS = {"ms": (1000.0, 1), "s": (1.0, 2), "µs": (1e6, 0), "MB": (1.0, 0), "": (1.0, 2)}


@dataclass
class Table:
    """Rows of what, figure, target, and the figure over the target; printed as they come."""

    rows: list[tuple[str, float, float | None]] = field(default_factory=list)

    def head(self, title: str) -> None:
        print(f"\n{title:<62} {'figure':>10} {'target':>10} {'ratio':>6}", flush=True)

    def add(self, what: str, figure: float, unit: str, target: float | None = None) -> None:
        """A figure in seconds, megabytes or none; the unit says how it is shown."""
        self.rows.append((what, figure, target))
        scale, digits = UNITS[unit]
        show = lambda value: f"{value * scale:.{digits}f} {unit}".strip()
        ratio = f"{figure / target:.2f}" if target else ""
        print(f"{what:<62} {show(figure):>10} {show(target) if target else '':>10} {ratio:>6}", flush=True)

    def say(self, what: str, figure: str, target: str = "") -> None:
        """A figure with a target in words, which is not judged here."""
        print(f"{what:<62} {figure:>10}  {target}", flush=True)

    def note(self, text: str) -> None:
        print(f"  {text}", flush=True)
