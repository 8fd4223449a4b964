"""Regression gate: the instructions that parsing and compiling a project of 300 models take.

    python3 tests/bench/instructions.py --tform target/debug/tform [--update]

Callgrind counts them, so that neither other work on the machine nor its speed matters. What still
differs between machines is which of its string functions libc takes (by the kind of CPU), the seeds of
hash maps, and the compiler's version: together a few per cent. A count more than DRIFT above the
one in `instructions.json` fails, for a compiler of the same version; for another one, more than
DRIFT_OTHER_COMPILER. One that falls by more than DRIFT should be written down: `--update`.

The program is the one that `make test` builds anyway (no optimisation of tform itself): counts are
about five times those of a release build, but grow for the same reasons.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import generate
from measure import cold

EXPECTED = Path(__file__).parent / "instructions.json"
MODELS = 300
DRIFT = 0.15
DRIFT_OTHER_COMPILER = 0.50
COMMANDS = {"parse": ["parse"], "compile": ["compile", "--no-introspect", "--threads", "1"]}


def count(tform: str, arguments: list[str], folder: Path) -> int:
    """The instructions of a command from cold, on one thread."""
    cold(folder)
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", tform, *arguments]
    environment = {**os.environ, "RAYON_NUM_THREADS": "1", "DBT_PROFILES_DIR": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return int(found.group(1))


def compiler() -> str:
    """The compiler's version and what it compiles for."""
    said = subprocess.run([os.environ.get("RUSTC", "rustc"), "--version"], capture_output=True, text=True, check=False)
    return f"{' '.join(said.stdout.split()[1:2])} {platform.machine()}"


def judge(what: str, counted: int, expected: int, drift: float) -> bool:
    """Says how the count stands to what is expected; whether that is allowed."""
    change = counted / expected - 1
    print(f"{what}: {counted / 1e6:,.0f} million instructions, {change:+.1%} (allowed {drift:+.0%})")
    if change < -DRIFT:
        print(f"  fewer than written down: `python3 tests/bench/instructions.py --update` keeps it so")
    return change <= drift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tform", default="target/debug/tform")
    parser.add_argument("--update", action="store_true", help="writes down what is counted")
    arguments = parser.parse_args()
    tform = str(Path(arguments.tform).resolve())
    with tempfile.TemporaryDirectory(prefix="tform-instructions-") as scratch:
        folder = Path(scratch)
        generate.generate(folder, MODELS, MODELS * 2, 100)
        counted = {what: count(tform, command, folder) for what, command in COMMANDS.items()}
    if arguments.update:
        EXPECTED.write_text(json.dumps({"compiler": compiler(), **counted}, indent=2) + "\n")
        return
    expected = json.loads(EXPECTED.read_text())
    drift = DRIFT if expected["compiler"] == compiler() else DRIFT_OTHER_COMPILER
    failed = [what for what, counts in counted.items() if not judge(what, counts, expected[what], drift)]
    for what in COMMANDS:
        print(f"test instructions of {what} ... {'FAILED' if what in failed else 'ok'}")
    result = "FAILED" if failed else "ok"
    print(f"test result: {result}. {len(COMMANDS) - len(failed)} passed; {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
