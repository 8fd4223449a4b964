"""Runs the DAG of the guide (`docs_site/guide/airflow_dag.py`, copied beside this file); called by `run.py`.

Prints one line `task TASK STATE` for each task, then `dag STATE`.
"""

from airflow_dag import after_load

if __name__ == "__main__":
    run = after_load.test()
    for instance in sorted(run.get_task_instances(), key=lambda instance: instance.task_id):
        print("task", instance.task_id, instance.state)
    print("dag", run.state)
