"""Runs the example as an Airflow DAG that astronomer-cosmos makes; called by `run.py`.

`dag_run.py PROJECT TFORM LOAD_MODE`: prints one line `task TASK STATE` for each task, then `dag STATE`.
"""

import sys
from datetime import datetime
from pathlib import Path

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode

project, tform, mode = Path(sys.argv[1]), sys.argv[2], LoadMode(sys.argv[3])
manifest = project / "target" / "tform" / "manifest.json"

dag = DbtDag(
    dag_id=f"nycflights_{mode.value}",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    project_config=ProjectConfig(
        dbt_project_path=project, manifest_path=manifest if mode == LoadMode.DBT_MANIFEST else None, install_dbt_deps=False
    ),
    profile_config=ProfileConfig(profile_name="nycflights", target_name="duckdb", profiles_yml_filepath=project / "profiles.yml"),
    execution_config=ExecutionConfig(
        execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.SUBPROCESS, dbt_executable_path=tform
    ),
    # A test of several models runs once all of them are there, as Cosmos recommends.
    render_config=RenderConfig(
        load_method=mode, dbt_executable_path=tform, invocation_mode=InvocationMode.SUBPROCESS, dbt_deps=False,
        should_detach_multiple_parents_tests=True,
    ),
    operator_args={"install_deps": False, "append_env": True},
)

if __name__ == "__main__":
    run = dag.test()
    for instance in sorted(run.get_task_instances(), key=lambda instance: instance.task_id):
        print("task", instance.task_id, instance.state)
    print("dag", run.state)
