#!/usr/bin/env python3
"""Runs the example as an Airflow DAG of astronomer-cosmos: `run.py TFORM`.

Installs Airflow and Cosmos from PyPI (`requirements.txt`) under `~/.cache/tform`, copies the example to a
temp folder, and runs the DAG of `dag_run.py` there, loaded by `dbt ls` and from the manifest: each model, seed,
snapshot and test is a task that calls the binary, as on a scheduler. Ends as cargo does.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
sys.dont_write_bytecode = True

import example  # noqa: E402

MODES = ["dbt_ls", "dbt_manifest"]


def copied(folder):
    """A copy of the example whose database stands beside it."""
    example.write_example(folder, ["tform.yml"])
    # Cosmos runs each task in a copy of the project: the database needs a place outside of it.
    profiles = folder / "profiles.yml"
    text = profiles.read_text(encoding="utf-8")
    profiles.write_text(re.sub(r"path: \S+\.duckdb", f"path: {folder}/nycflights.duckdb", text), encoding="utf-8")
    return folder


def dag_run(python, variables, project, tform, mode):
    """What went wrong with a run of the DAG, if anything."""
    if mode == "dbt_manifest":
        subprocess.run([tform, "parse", "--quiet", "--project-dir", project, "--profiles-dir", project], check=True)
    # A DAG can only be run from the folder of DAGs, where Airflow finds it again.
    dags = Path(variables["AIRFLOW_HOME"]) / "dags"
    dags.mkdir(exist_ok=True)
    command = [python, shutil.copy(HERE / "dag_run.py", dags), project, tform, mode]
    done = subprocess.run(command, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tasks = dict(re.findall(r"^task (\S+) (\S+)$", done.stdout, re.MULTILINE))
    failed = [f"{task}: {state}" for task, state in tasks.items() if state != "success"]
    end = "\n".join(done.stdout.splitlines()[-40:])
    if done.returncode != 0 or failed or not re.search(r"^dag success$", done.stdout, re.MULTILINE):
        return "\n".join([*failed, f"exit code {done.returncode}", end])
    kinds = {kind for kind in ["run", "seed", "snapshot", "test"] if any(task.endswith(kind) for task in tasks)}
    missing = {"run", "seed", "test"} - kinds
    return f"no task of kind {', '.join(sorted(missing))} among {sorted(tasks)}" if missing else None


def main():
    tform = str(Path(sys.argv[1]).resolve())
    python = example.environment("airflow", HERE / "requirements.txt") / "bin" / "python"
    failures = 0
    with tempfile.TemporaryDirectory(prefix="tform-airflow-") as scratch:
        home = Path(scratch) / "airflow"
        variables = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
            "AIRFLOW__COSMOS__ENABLE_CACHE": "False",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
        }
        migrated = subprocess.run(
            [python, "-m", "airflow", "db", "migrate"], env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if migrated.returncode != 0:
            sys.exit(migrated.stdout)
        for mode in MODES:
            problem = dag_run(python, variables, copied(Path(scratch) / mode), tform, mode)
            failures += problem is not None
            print(f"test airflow_runs_the_example_loaded_by_{mode} ... {'FAILED' if problem else 'ok'}", flush=True)
            if problem:
                print(problem)
    word = "FAILED" if failures else "ok"
    print(f"\ntest result: {word}. {len(MODES) - failures} passed; {failures} failed; 0 ignored; 0 measured; 0 filtered out")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
