"""Speed and memory of whole commands on generated projects, beside dbt where it is at hand.

    make bench
    python3 tests/bench/bench.py --tform target/release/tform [--full] [--quick] [--dbt PATH | --no-dbt] [--only PART]

Each part is a module beside this one. Every figure is the median of some runs, each from cold (no
`target` folder); targets are for two cores, and a ratio under 1 meets its target. The peer is
dbt-core from PyPI: `--dbt`, or else what pip installs into ~/.cache/tform/bench. It runs the same
projects on the same machine in the same call; without it the comparison is left out, and said so.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

import docs_site
import example
import fused
import generate
import peer
import postgres
import scheduling
import streams
import whole_projects
from measure import Table

PARTS = ("projects", "scheduling", "postgres", "streams", "fused", "docs", "lineage", "peer")


def bench(arguments: argparse.Namespace, root: Path) -> None:
    tform, quick = str(Path(arguments.tform).resolve()), arguments.quick
    parts = arguments.only or PARTS
    table = Table()
    dbt = None if arguments.no_dbt else peer.find(arguments.dbt)
    server = postgres.open_server() if {"scheduling", "postgres", "streams"} & set(parts) else None
    try:
        if "projects" in parts:
            whole_projects.bench(table, tform, root, quick)
        if "scheduling" in parts:
            scheduling.bench(table, tform, root, quick, server)
        if "postgres" in parts and server:
            postgres.bench(table, tform, dbt, root, server, quick)
        if "streams" in parts:
            streams.bench(table, tform, root, quick, server)
    finally:
        if server:
            server.close()
    if "fused" in parts:
        table.head("data tests fused and by themselves")
        rows = 200_000 if quick else fused.ROWS
        fused.bench(table.say, tform, dbt, ["postgres", "duckdb"], rows, 1 if quick else 3)
    if "docs" in parts:
        docs_site.bench(table, tform, root, quick)
    if "lineage" in parts:
        table.head("column lineage beside sqlglot, on the queries of tform's own tests")
        python = example.environment("dbt", HERE.parent / "artifacts" / "requirements.txt") / "bin" / "python"
        subprocess.run([python, HERE / "lineage_vs_sqlglot.py"], check=False)
    if "peer" in parts and dbt:
        flat = root / "flat"
        generate.generate(flat, 1000, 0, 0, flat=True)
        sizes = (1000, 10_000) if arguments.full else (1000,)
        projects = {f"{models:,} models": whole_projects.project(root, models) for models in sizes}
        peer.compare(table, tform, dbt, {**projects, "1,000 one-row views": flat})
    missed = [what.strip() for what, figure, target in table.rows if target and figure > target]
    print(f"\n{len(missed)} targets missed{': ' + '; '.join(missed) if missed else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tform", default="target/release/tform")
    parser.add_argument("--dbt", default=os.environ.get("DBT"), help="the peer's path; default: installed by pip")
    parser.add_argument("--no-dbt", action="store_true")
    parser.add_argument("--full", action="store_true", help="the peer also on 10,000 models, which takes minutes")
    parser.add_argument("--quick", action="store_true", help="smaller projects, single runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; can be given again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tform-bench-") as scratch:
        bench(arguments, Path(scratch))


if __name__ == "__main__":
    main()
