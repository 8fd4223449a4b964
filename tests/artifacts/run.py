#!/usr/bin/env python3
"""Compares what tform writes with what dbt writes: `run.py TFORM [FILTER]`.

Installs dbt-core and dbt-duckdb from PyPI (`requirements.txt`) under `~/.cache/tform`, runs both
programs on the example at the root of this repository and on the project in `features.txt`, and
compares `manifest.json`, `run_results.json`, `catalog.json` and `sources.json` (`compare.py` has
the known differences). Then dbt's readers read what tform wrote: `dbt-artifacts-parser`, the JSON
schemas of dbt's own classes, `dbt ls --state`, and the documentation page of the dbt-core wheel;
OpenLineage's client reads `lineage --format openlineage`, and sqlglot tells where columns come from.
Both render the Jinja of the end-to-end cases `jinja/as_dbt_*` too.
Ends as cargo does.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
sys.dont_write_bytecode = True

import example  # noqa: E402

# dbt-duckdb has no user-defined functions.
BUILD = ["build", "--exclude", "resource_type:function"]
ENVIRONMENT = {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false"}
DBT_SESSION = """
import json, sys
from dbt.cli.main import dbtRunner
for command in json.loads(sys.argv[1]):
    result = dbtRunner().invoke(command)
    if result.exception:
        sys.exit(f"dbt {command}: {result.exception}")
    if command[0] == "build":
        import shutil
        for name in ["run_results", "manifest"]:
            shutil.copy(f"{sys.argv[2]}/{name}.json", f"{sys.argv[2]}/build_{name}.json")
"""


def write_example(folder):
    example.write_example(folder)
    return folder / "target" / "tform"


def write_features(folder):
    parts = re.split(r"(?m)^-- (\S+) --\n", (HERE / "features.txt").read_text(encoding="utf-8"))
    for path, text in zip(parts[1::2], parts[2::2]):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if "crlf" in path:
            text = text.replace("\n", "\r\n")
        place.write_text(text, encoding="utf-8", newline="")
    return folder / "target"


class Project:
    """A project that both programs have built, documented and measured."""

    def __init__(self, name, write, python, tform, scratch):
        self.name = name
        # One path for both: it stands in artifacts. Each runs there in turn.
        self.folder = scratch / name
        self.python, self.tform = python, tform
        self.kept = {}
        commands = [["deps"]] if name == "features" else []
        commands += [BUILD, ["source", "freshness"], ["docs", "generate"]]
        self.target = write(self.folder)
        self.run(DBT_SESSION, commands)
        self.keep("dbt")
        shutil.rmtree(self.folder)
        write(self.folder)
        for command in commands:
            self.call(tform, *command)
            if command is BUILD:
                for name in ["run_results", "manifest"]:
                    shutil.copy(self.target / f"{name}.json", self.target / f"build_{name}.json")
        (self.target / "openlineage.json").write_text(self.call(tform, "lineage", "--format", "openlineage"))
        self.keep("tform")

    def keep(self, program):
        """Takes a copy of the artifacts, for the other program writes to the same place."""
        kept = self.folder.parent / f"{self.name}-{program}"
        kept.mkdir()
        for path in self.target.glob("*.json"):
            shutil.copy(path, kept)
        self.kept[program] = kept

    def run(self, script, commands):
        arguments = [json.dumps(commands), str(self.target)]
        return self.call(self.python, "-c", script, *arguments)

    def call(self, *words, codes=(0, 1)):
        """Output of a program that is run in the project; a source that is not fresh gives code 1."""
        done = subprocess.run(
            list(map(str, words)), cwd=self.folder, env={**os.environ, **ENVIRONMENT}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
        )
        if done.returncode not in codes:
            raise AssertionError(f"{' '.join(map(str, words))[:200]}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def comparisons(project):
    """One test a part: (name, function that gives a list of complaints)."""
    from compare import Comparison

    compared = Comparison(project.kept["dbt"], project.kept["tform"])
    ids = {"nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "groups", "docs", "functions"}

    def same_ids():
        dbt, tform = compared.load("manifest")
        return [
            f"{section}: {sorted(set(dbt[section]) ^ set(tform[section]))}"
            for section in sorted(ids) if set(dbt.get(section, {})) != set(tform.get(section, {}))
        ]

    def whole(name, artifact=None):
        return lambda: compared.unexplained(name, artifact)

    def section(*names):
        return lambda: compared.unexplained("manifest", part=lambda path: path.split("/")[0] in names)

    yield "manifest_has_the_same_ids", same_ids
    for name in ["nodes", "sources", "macros", "docs", "exposures", "unit_tests", "metadata"]:
        yield f"manifest_{name}", section(name)
    yield "manifest_maps", section("parent_map", "child_map", "group_map")
    yield "manifest_semantic_layer", section("semantic_models", "metrics", "saved_queries")
    yield "manifest_groups_selectors_disabled_functions", section("groups", "selectors", "disabled", "functions")
    yield "manifest_after_build", whole("build_manifest", "manifest")
    yield "results_of_build", whole("build_run_results", "run_results")
    yield "results_of_docs_generate", whole("run_results")
    yield "catalog", whole("catalog")
    yield "sources", whole("sources")
    project.compared = compared


def known_differences_are_met(projects):
    from compare import KNOWN

    met = set().union(*(project.compared.met for project in projects))
    return [f"not met any more: {KNOWN[index][:2]}" for index in range(len(KNOWN)) if index not in met]


PARSER = """
import json, sys
from pathlib import Path
from dbt_artifacts_parser import parser
folder = Path(sys.argv[1])
for name, parse in [("manifest", parser.parse_manifest), ("run_results", parser.parse_run_results),
                    ("build_run_results", parser.parse_run_results), ("catalog", parser.parse_catalog), ("sources", parser.parse_sources)]:
    written = json.loads((folder / f"{name}.json").read_text())
    read = parse(written)
    for section in ["nodes", "sources", "macros", "results", "exposures"]:
        if section in written:
            assert len(getattr(read, section)) == len(written[section]), (name, section)
"""

SCHEMAS = """
import json, sys
from pathlib import Path
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.run import RunResultsArtifact
import jsonschema
folder, wrong = Path(sys.argv[1]), 0
for name, kind in [("manifest", WritableManifest), ("run_results", RunResultsArtifact), ("build_run_results", RunResultsArtifact),
                   ("catalog", CatalogArtifact), ("sources", FreshnessExecutionResultArtifact)]:
    schema = kind.json_schema()
    written = json.loads((folder / f"{name}.json").read_text())
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(written):
        wrong += 1
        print(name, "/".join(map(str, problem.absolute_path)), problem.message[:300])
    kind.read_and_check_versions(str(folder / f"{name}.json"))
sys.exit(wrong > 0)
"""


OPENLINEAGE = """
import json, sys
from openlineage.client import event_v2, serde
from openlineage.client.generated import column_lineage_dataset as columns, schema_dataset as schema

def made(kind, written, **parts):
    # A class of the client from its JSON: what it does not know, or misses, is an error.
    urls = {"_schemaURL", "schemaURL"}
    plain = {key: value for key, value in written.items() if key not in urls and key not in parts and key != "_producer"}
    return kind(**plain, **parts)

def inputs(fields):
    return [made(columns.InputField, one, transformations=[made(columns.Transformation, it) for it in one["transformations"]]) for one in fields]

def output(one):
    facets = one["facets"]
    lineage = facets["columnLineage"]
    made_facets = {
        "schema": schema.SchemaDatasetFacet(fields=[made(schema.SchemaDatasetFacetFields, it) for it in facets["schema"]["fields"]], producer=facets["schema"]["_producer"]),
        "columnLineage": columns.ColumnLineageDatasetFacet(
            fields={name: columns.Fields(inputFields=inputs(it["inputFields"])) for name, it in lineage["fields"].items()},
            dataset=inputs(lineage["dataset"]), producer=lineage["_producer"]),
    }
    assert set(facets) == set(made_facets), set(facets)
    return made(event_v2.OutputDataset, one, facets=made_facets)

def shape(value):
    # Without what says nothing, in one order.
    if isinstance(value, dict):
        return {key: shape(it) for key, it in sorted(value.items()) if it not in ([], {})}
    return [shape(it) for it in value] if isinstance(value, list) else value

events = json.load(open(sys.argv[1] + "/openlineage.json"))
assert len(events) >= 2 and any(event["outputs"][0]["facets"]["columnLineage"]["fields"] for event in events)
for event in events:
    read = made(event_v2.JobEvent, event, job=made(event_v2.Job, event["job"]), inputs=[made(event_v2.InputDataset, it) for it in event["inputs"]],
                outputs=[output(it) for it in event["outputs"]])
    ours, theirs = shape(event), shape(serde.Serde.to_dict(read))
    assert ours == theirs, (ours, theirs)
"""


def columns_agree_with_sqlglot(project):
    def check():
        script = HERE.parent / "bench" / "lineage_vs_sqlglot.py"
        done = subprocess.run([project.python, script], text=True, capture_output=True)
        return [] if done.returncode == 0 else [(done.stdout + done.stderr)[-3000:]]
    return check


def reads(project, script):
    def check():
        done = subprocess.run([project.python, "-c", script, project.kept["tform"]], text=True, capture_output=True)
        return [] if done.returncode == 0 else [(done.stdout + done.stderr)[-3000:]]
    return check


def states(project):
    """Neither program sees a change against the artifacts of the other."""
    words = ["ls", "--select", "state:modified", "state:new", "--quiet", "--state"]
    compared = project.compared

    def dbt_reads_ours():
        # dbt compares the text of macros, and the built-in ones have another: only what is not about macros.
        words = ["ls", "--quiet", "--state", str(project.kept["tform"]), "--select",
                 "state:new", "state:modified.body", "state:modified.configs", "state:modified.persisted_descriptions",
                 "state:modified.relation", "state:modified.contract"]
        out = project.run("import json, sys\nfrom dbt.cli.main import dbtRunner\n"
                          "result = dbtRunner().invoke(json.loads(sys.argv[1])[0])\nsys.exit(repr(result.exception) if result.exception else 0)", [words])
        return sorted(line for line in out.splitlines() if line.strip() and "does not match any" not in line)

    def we_read_theirs():
        out = project.call(project.tform, *words, project.kept["dbt"])
        return [line for line in out.splitlines() if line.strip()]

    yield "dbt_sees_no_change_against_our_manifest", dbt_reads_ours
    yield "we_see_no_change_against_dbts_manifest", we_read_theirs


def docs_page(project):
    """dbt's own documentation page with tform's artifacts, in a browser."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def check():
        find = "import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec('dbt.task').origin).parent / 'docs' / 'index.html')"
        page = Path(subprocess.check_output([project.python, "-c", find], text=True).strip())
        if not page.is_file():
            page = next(Path(project.python).parent.parent.rglob("dbt/**/docs/index.html"))
        site = project.folder.parent / f"{project.name}-site"
        shutil.copytree(project.kept["tform"], site)
        shutil.copy(page, site)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        done = subprocess.run(["node", HERE / "docs_page.mjs", address], text=True, capture_output=True, timeout=180)
        server.shutdown()
        return [] if done.returncode == 0 else [(done.stdout + done.stderr)[-3000:]]

    return check


def jinja(tform, python, scratch):
    """The lines of the cases `jinja/as_dbt_*`: what either program makes of them."""
    cases = sorted((HERE.parent / "e2e" / "cases" / "jinja").glob("as_dbt_*.txt"))
    rendered = {}
    for program in ["dbt", "tform"]:
        folder = scratch / "jinja"
        for case in cases:
            parts = re.split(r"(?m)^-- (\S+) --\n|^\$ .*\n", case.read_text(encoding="utf-8"))
            for path, text in zip(parts[1::2], parts[2::2]):
                if path:
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    (folder / path).write_text(text, encoding="utf-8", newline="")
        (folder / "target").mkdir()
        (folder / "dbt_project.yml").write_text("name: test\nversion: '1.0'\nconfig-version: 2\nprofile: test\n")
        (folder / "profiles.yml").write_text("test:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: target/test.duckdb}\n")
        for command in [["run", "--select", "base"], ["compile"]]:
            words = [tform, *command] if program == "tform" else [python, "-c", DBT_SESSION, json.dumps([command]), "target"]
            done = subprocess.run(
                list(map(str, words)), cwd=folder, env={**os.environ, **ENVIRONMENT, "TZ": "UTC"}, text=True, capture_output=True, timeout=600,
            )
            if done.returncode:
                raise AssertionError(f"{program} {command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        compiled = folder / "target" / "compiled" / "test" / "models"
        rendered[program] = {path.stem: path.read_text(encoding="utf-8") for path in compiled.glob("*.sql")}
        shutil.rmtree(folder)

    def check(topic):
        lines = {program: texts[topic].split("\n") for program, texts in rendered.items()}
        pairs = itertools.zip_longest(lines["dbt"], lines["tform"])
        return [f"dbt: {ours!r}, tform: {theirs!r}" for ours, theirs in pairs if ours != theirs]

    for case in cases:
        topic = case.stem.removeprefix("as_dbt_")
        yield f"jinja_renders_{topic}_as_dbt", lambda topic=topic: check(topic)


def tests(tform, python, scratch):
    yield from jinja(tform, python, scratch)
    projects = [Project(name, write, python, tform, scratch) for name, write in [("example", write_example), ("features", write_features)]]
    for project in projects:
        for name, check in comparisons(project):
            yield f"{project.name}_{name}", check
        yield f"{project.name}_dbt_artifacts_parser_reads_ours", reads(project, PARSER)
        yield f"{project.name}_fits_dbts_schemas", reads(project, SCHEMAS)
        yield f"{project.name}_openlineages_client_reads_ours", reads(project, OPENLINEAGE)
        for name, check in states(project):
            yield f"{project.name}_{name}", check
        yield f"{project.name}_opens_in_dbts_documentation_page", docs_page(project)
    yield "columns_come_from_where_sqlglot_says_or_it_is_explained", columns_agree_with_sqlglot(projects[0])
    yield "every_known_difference_is_met", lambda: known_differences_are_met(projects)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tform, word = Path(sys.argv[1]).resolve(), (sys.argv[2:] or [""])[0]
    passed = failed = left_out = 0
    sys.path.insert(0, str(HERE))
    scratch = Path(tempfile.mkdtemp(prefix="tform-artifacts-"))
    try:
        for name, check in tests(tform, example.environment("dbt", HERE / "requirements.txt") / "bin" / "python", scratch):
            if word not in name:
                left_out += 1
                continue
            try:
                complaints = check()
            except Exception:
                complaints = [traceback.format_exc()]
            print(f"test {name} ... {'FAILED' if complaints else 'ok'}", flush=True)
            for complaint in complaints[:20]:
                print(f"    {complaint}")
            if len(complaints) > 20:
                print(f"    and {len(complaints) - 20} more")
            passed, failed = passed + (not complaints), failed + bool(complaints)
    except Exception:
        traceback.print_exc()
        print("test artifacts ... FAILED")
        failed += 1
    if not failed:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\ntest result: {'FAILED' if failed else 'ok'}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {left_out} filtered out")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
