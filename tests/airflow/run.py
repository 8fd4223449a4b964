#!/usr/bin/env python3
"""Runs the example as an Airflow DAG of astronomer-cosmos: `run.py TFORM`.

Installs Airflow and Cosmos from PyPI (`requirements.txt`) under `~/.cache/tform`, copies the example to a
temp folder, and runs the DAG of `dag_run.py` there, loaded by `dbt ls` and from the manifest: each model, seed,
snapshot and test is a task that calls the binary, as on a scheduler. Then the DAG of the guide
(`docs_site/guide/airflow_dag.py`): from nothing, on new rows, and with a model that fails. Ends as cargo does.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
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


def run_dag(python, variables, files, arguments):
    """Runs the first of `files`; the states of its tasks, the DAG's own, and the output."""
    # A DAG can only be run from the folder of DAGs, where Airflow finds it again.
    dags = Path(variables["AIRFLOW_HOME"]) / "dags"
    dags.mkdir(exist_ok=True)
    copies = [shutil.copy(file, dags) for file in files]
    command = [python, copies[0], *arguments]
    done = subprocess.run(command, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tasks = dict(re.findall(r"^task (\S+) (\S+)$", done.stdout, re.MULTILINE))
    state = re.search(r"^dag (\S+)$", done.stdout, re.MULTILINE)
    end = "\n".join(done.stdout.splitlines()[-40:])
    return tasks, state.group(1) if state else f"exit code {done.returncode}", end


def cosmos(python, variables, project, tform, mode):
    """What went wrong with a run of Cosmos' DAG, if anything."""
    if mode == "dbt_manifest":
        subprocess.run([tform, "parse", "--quiet", "--project-dir", project, "--profiles-dir", project], check=True)
    tasks, state, end = run_dag(python, variables, [HERE / "dag_run.py"], [project, tform, mode])
    failed = [f"{task}: {state}" for task, state in tasks.items() if state != "success"]
    if failed or state != "success":
        return "\n".join([*failed, f"the DAG: {state}", end])
    kinds = {kind for kind in ["run", "seed", "snapshot", "test"] if any(task.endswith(kind) for task in tasks)}
    missing = {"run", "seed", "test"} - kinds
    return f"no task of kind {', '.join(sorted(missing))} among {sorted(tasks)}" if missing else None


class Alerts(http.server.BaseHTTPRequestHandler):
    """Where the guide's DAG posts what failed; the texts are kept in `server.texts`."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def guide(python, variables, project, tform):
    """What went wrong with three runs of the guide's DAG, if anything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Alerts)
    server.texts = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state, published = project.parent / "state", project.parent / "published"
    variables = {
        **variables,
        "TFORM_PROJECT": str(project),
        "TFORM_BIN": tform,
        "TFORM_STATE": str(state),
        "TFORM_LOAD_COMMAND": "echo loaded >> loads.txt",
        "TFORM_DOCS_COMMAND": f'rm -rf {published} && cp -r "$TFORM_DOCS" {published}',
        "TFORM_ALERT_URL": f"http://127.0.0.1:{server.server_port}/",
    }
    files = [HERE / "guide_run.py", ROOT / "docs_site" / "guide" / "airflow_dag.py"]

    def chosen():
        return set(json.loads((state / "last" / "run_results.json").read_text())["args"].get("select") or [])

    try:
        for expected in [set(), {"source_status:fresher+"}]:
            tasks, outcome, end = run_dag(python, variables, files, [])
            if outcome != "success" or server.texts:
                return "\n".join([f"the DAG: {outcome}, tasks: {tasks}, alerts: {server.texts}", end])
            if chosen() != expected:
                return f"the build chose {chosen()}, not {expected}"
            if not (published / "index.html").is_file():
                return "the documentation was not published"
        model = project / "models" / "staging" / "stg_flights.sql"
        model.write_text(model.read_text(encoding="utf-8") + "\nselect of what is no query", encoding="utf-8")
        tasks, outcome, end = run_dag(python, variables, files, [])
        if outcome != "failed" or tasks.get("build") != "failed" or tasks.get("publish") != "success":
            return "\n".join([f"a broken model: the DAG: {outcome}, tasks: {tasks}", end])
        if not any("model.nycflights.stg_flights: " in text for text in server.texts):
            return f"the broken model is in no alert: {server.texts}"
    finally:
        server.shutdown()
    loads = (project / "loads.txt").read_text(encoding="utf-8").count("loaded")
    return None if loads == 3 else f"{loads} loads, not 3"


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
        tests = {
            f"airflow_runs_the_example_loaded_by_{mode}": lambda mode=mode: cosmos(
                python, variables, copied(Path(scratch) / mode), tform, mode
            )
            for mode in MODES
        }
        tests["airflow_runs_the_dag_of_the_guide"] = lambda: guide(python, variables, copied(Path(scratch) / "guide" / "project"), tform)
        for name, test in tests.items():
            problem = test()
            failures += problem is not None
            print(f"test {name} ... {'FAILED' if problem else 'ok'}", flush=True)
            if problem:
                print(problem)
    word = "FAILED" if failures else "ok"
    print(f"\ntest result: {word}. {len(tests) - failures} passed; {failures} failed; 0 ignored; 0 measured; 0 filtered out")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
