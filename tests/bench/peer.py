"""dbt-core from PyPI, which runs the same projects on the same machine in the same call."""

import subprocess
import sys
from pathlib import Path

from measure import Table, TooLong, cold, measure, run

FOLDER = Path.home() / ".cache" / "tform" / "bench" / "venv"
# Seconds that a command of dbt may take: at 1,000 models most need ten to thirty, at 10,000 some minutes.
LIMIT = 900
PACKAGES = ["dbt-core~=1.11.0", "dbt-duckdb~=1.10", "dbt-postgres~=1.10"]


def find(given: str | None) -> str | None:
    """The path of dbt: as given, installed before, or installed now; without any, there is no comparison."""
    if given:
        return given
    installed = FOLDER / "bin" / "dbt"
    if not installed.exists():
        print(f"installing {' '.join(PACKAGES)} into {FOLDER}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
            subprocess.run([str(FOLDER / "bin" / "pip"), "install", "--quiet", *PACKAGES], check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"dbt cannot be installed ({error}): no comparison", file=sys.stderr)
            return None
    return str(installed) if installed.exists() else None


def version(dbt: str) -> str:
    said = subprocess.run([dbt, "--version"], capture_output=True, text=True, check=False).stdout
    return next((line.split()[-1] for line in said.splitlines() if "installed" in line), "of unknown version")


def compare(table: Table, tform: str, dbt: str, projects: dict[str, Path]) -> None:
    """Whole commands of both, once each and from cold: dbt takes minutes. `projects`: by what they are called."""
    table.head(f"beside dbt-core {version(dbt)}")
    commands = (["parse"], ["compile"], ["ls", "--select", "tag:tag_1+"])
    for name, folder in projects.items():
        for arguments in [["run"]] if name == "1,000 one-row views" else commands:
            ours = measure([tform, *arguments], folder, 1)
            what = f"{' '.join(arguments)}, {name}"
            table.add(f"{what}: tform", ours.seconds, "s")
            cold(folder)
            try:
                theirs = run([dbt, "--no-partial-parse", *arguments], folder, limit=LIMIT)
            except TooLong:
                table.note(f"{what}: dbt was ended after {LIMIT} s; more than {LIMIT / ours.seconds:.0f} times as fast")
                continue
            table.add(f"{what}: dbt", theirs.seconds, "s")
            table.note(f"{theirs.seconds / ours.seconds:.0f} times as fast; {ours.peak_mb:.0f} and {theirs.peak_mb:.0f} MB")
