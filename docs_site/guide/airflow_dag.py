"""Load, then build what the load brought, say what failed, publish the documentation: a DAG for Airflow 3.

Copy it into the folder of DAGs and set the environment variables of its workers:

    TFORM_PROJECT       the project's folder
    TFORM_BIN           the executable (default: `tform` on the path)
    TFORM_LOAD_COMMAND  what loads the raw data, a shell command
    TFORM_STATE         a folder that is kept between runs: what the last good run knew of the sources
    TFORM_DOCS_COMMAND  what publishes the folder `$TFORM_DOCS`, such as `aws s3 sync "$TFORM_DOCS" s3://bucket/docs`
    TFORM_ALERT_URL     where failures are posted to, as JSON with a field `text` (Slack and others read that)

`make test-airflow` runs this file with the example project.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import dag, task

PROJECT = Path(os.environ["TFORM_PROJECT"])
STATE = Path(os.environ["TFORM_STATE"])
TARGET = STATE / "target"
TFORM = os.environ.get("TFORM_BIN", "tform")

# What the next run compares itself with.
KEPT = ["manifest.json", "sources.json", "run_results.json"]


def tform(*arguments):
    """Runs a command of tform; its exit code. Its lines go into the task's log."""
    command = [TFORM, *arguments, "--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", TARGET]
    return subprocess.run([str(word) for word in command], cwd=PROJECT).returncode


def failures():
    """A line for each node of the last command that failed: its name and what was said."""
    results = json.loads((TARGET / "run_results.json").read_text(encoding="utf-8"))["results"]
    bad = [result for result in results if result["status"] in ("error", "fail", "runtime error")]
    return [f"{result['unique_id']}: {(result['message'] or '').strip()}" for result in bad]


def alert(context):
    """Posts what failed. Airflow calls it when a task fails for the last time."""
    lines = [f"{context['dag'].dag_id}: {context['task_instance'].task_id} failed"]
    if context["task_instance"].task_id == "build" and (TARGET / "run_results.json").exists():
        lines += failures()
    text = "\n".join(lines)
    print(text)
    if url := os.environ.get("TFORM_ALERT_URL"):
        body = json.dumps({"text": text}).encode("utf-8")
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": alert},
)
def tform_after_load():
    @task(retries=2, retry_delay=timedelta(minutes=5))
    def load():
        subprocess.run(os.environ["TFORM_LOAD_COMMAND"], shell=True, check=True, cwd=PROJECT)

    @task
    def freshness():
        # 1 says that a source is stale: that is worth an alert, and no reason not to build the others.
        code = tform("source", "freshness")
        if code > 1:
            raise RuntimeError(f"tform source freshness ended with {code}")
        return code == 1

    @task
    def build():
        last = STATE / "last"
        chosen = ["--select", "source_status:fresher+", "--state", last] if last.exists() else []
        if tform("build", *chosen) != 0:
            raise RuntimeError("tform build failed")

    @task
    def remember():
        # Only after a good build: what failed is chosen again by the next run.
        new = STATE / "next"
        new.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            shutil.copy(TARGET / name, new)
        shutil.rmtree(STATE / "last", ignore_errors=True)
        new.rename(STATE / "last")

    @task(trigger_rule="all_done")
    def publish():
        # Also after a failed build: analysts see there what failed.
        if tform("docs", "generate") != 0:
            raise RuntimeError("tform docs generate failed")
        if command := os.environ.get("TFORM_DOCS_COMMAND"):
            subprocess.run(command, shell=True, check=True, env={**os.environ, "TFORM_DOCS": str(TARGET)})

    @task
    def stale(found):
        if found:
            raise RuntimeError("a source is stale: see the log of `freshness`")

    @task(trigger_rule="one_failed", on_failure_callback=None)
    def outcome():
        # Airflow judges a run by its last tasks, and `publish` goes well after a failure too.
        raise RuntimeError("a task of this run failed")

    loaded, age, built, kept, published = load(), freshness(), build(), remember(), publish()
    loaded >> age >> built >> kept >> published
    [loaded, age, built, kept, published] >> outcome()
    stale(age)


after_load = tform_after_load()
