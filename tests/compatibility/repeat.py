#!/usr/bin/env python3
"""Builds a project many times and counts the statuses of nodes that are not always the same.

`repeat.py PROJECT PROFILES TIMES PROGRAM [ARGUMENTS]`, say `repeat.py integration_tests profiles 10 dbt
--select +timeseries_data_extended+`: the folders of a project (its packages installed) and of its
profile, and tform or dbt. What differs here from build to build is the project's own chance, and no
difference between two programs.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path


def build(project, profiles, program, arguments):
    """The status of each node."""
    command = [program, "build", "--profiles-dir", profiles, *arguments]
    subprocess.run(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    results = json.loads((Path(project) / "target" / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["status"] for result in results}


def main(project, profiles, times, program, *arguments):
    counts = collections.defaultdict(collections.Counter)
    for _ in range(int(times)):
        for node, status in build(project, profiles, program, arguments).items():
            counts[node][status] += 1
    for node, seen in sorted(counts.items()):
        if len(seen) > 1:
            print(node, ", ".join(f"{status} {count}" for status, count in sorted(seen.items())))
    print(f"{times} builds, {len(counts)} nodes, {sum(len(seen) > 1 for seen in counts.values())} not always the same")


if __name__ == "__main__":
    main(*sys.argv[1:])
