"""What two programs wrote about one project, field by field, and the differences that are known.

A difference is a path (`nodes/model.shop.a/config/tags`) with both values. Known ones stand in
`KNOWN`, each with its reason; one that is listed and not met any more makes a test fail too, so
that the list stays true.
"""

import json
import re
from pathlib import Path

MISSING = "(missing)"

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)"
NUMBER = r"-?\d+(\.\d+)?(e-?\d+)?"
IDENTIFIER = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# What differs between any two runs, of dbt too: the path, and what both values must look like.
VOLATILE = [
    (r".*/(generated_at|invocation_started_at|run_started_at|started_at|completed_at|snapshotted_at|max_loaded_at)", MOMENT),
    (r".*/max_loaded_at_time_ago_in_s", NUMBER),
    (r"metadata/(invocation_id|user_id)", rf"({IDENTIFIER}|None)"),
    (r".*/created_at", NUMBER),
    (r".*/execution_time|elapsed_time", NUMBER),
    (r".*/thread_id", r"Thread-\d+( \(worker\))?|MainThread"),
    (r"args/(project_dir|profiles_dir|log_path)|nodes/seed\.[^/]*/root_path", r"/.*"),
    (r"args/invocation_command", r"dbt .*"),
]

# (artifact, path, reason). Paths are whole-match patterns.
KNOWN = [
    (
        "manifest",
        r"macros/macro\.(dbt|dbt_duckdb)\.[^/]*/(macro_sql|path|original_file_path|depends_on/macros.*)",
        "the built-in macros have dbt's names and arguments; their text, and which of them call which, is tform's own",
    ),
    (
        "manifest",
        r"macros/macro\.(tform|dbt|dbt_duckdb)\.[^/]*",
        "parts of tform's built-in macros, its own tests among them, that dbt does not have",
    ),
    ("manifest", r"nodes/operation\.[^/]*/index", "dbt counts the hooks of a moment from one when it runs them"),
    ("manifest", r"docs/doc\.dbt\.__overview__/block_contents", "the built-in first page is written by tform"),
    (
        "manifest",
        r"nodes/[^/]*/depends_on/macros.*",
        "dbt adds the built-in macros that it meets while compiling and running; here the list is what parsing finds",
    ),
    (
        "manifest",
        r"nodes/(test|seed)\.[^/]*/build_path",
        "data tests may share a query and seeds are loaded as rows: nothing of theirs is written to `target/run`",
    ),
    (
        "build_manifest",
        r"nodes/model\.[^/]*/(compiled|compiled_code|compiled_path|extra_ctes|extra_ctes_injected)",
        "an ephemeral model is compiled into those that use it; `compile` and `docs generate` compile it by itself",
    ),
    ("build_manifest", r"nodes/operation\.[^/]*/compiled_path", "the SQL of hooks is not written to a file"),
    ("manifest", r"group_map/[^/]*", "the members of a group in another order"),
    (
        "run_results",
        r"args/(sqlparse|v2_parser)",
        "settings of the Python SQL formatter and of the other parser, which tform does not have",
    ),
    ("run_results", r"args/(?!sqlparse|v2_parser)[^/]*", "flags that only tform has"),
    (
        "run_results",
        r"results/(test|unit_test)\.[^/]*/compiled_code",
        "the built-in tests and the fixtures of unit tests are SQL in tform's own words; what they find is compared",
    ),
    (
        "run_results",
        r"results/model\.[^/]*/compiled_code",
        "cross-database macros (`dbt.dateadd`) are SQL in tform's own words",
    ),
    (
        "manifest",
        r"nodes/[^/]*/compiled_code",
        "as in run results: SQL of the built-in macros, tests and fixtures in tform's own words",
    ),
    ("catalog", r"(nodes|sources)/[^/]*/stats/(has_stats/value|row_count.*)", "tform also says how many rows a table has"),
]


def same_code(path, one, other):
    """The compiled code of a test is there in both; that of a model is the same but for blanks and parentheses."""
    if "/test." in path or "/unit_test." in path:
        return bool(one and other)
    if "/function." in path:
        return True
    return re.sub(r"[\s()]", "", one or "") == re.sub(r"[\s()]", "", other or "")


def is_built_in_more(one, other):
    return set(other) <= set(one) and all(re.match(r"macro\.dbt(_\w+)?\.", name) for name in set(one) - set(other))


def differences(left, right, path=()):
    """Every difference: (path, left, right)."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in [*left, *(key for key in right if key not in left)]:
            if key not in right:
                yield "/".join((*path, key)), left[key], MISSING
            elif key not in left:
                yield "/".join((*path, key)), MISSING, right[key]
            else:
                yield from differences(left[key], right[key], (*path, key))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right) and path[:1] != ("group_map",):
        for index, (one, other) in enumerate(zip(left, right)):
            yield from differences(one, other, (*path, str(index)))
    elif left != right or (isinstance(left, bool) != isinstance(right, bool)):
        yield "/".join(path), left, right


def is_volatile(path, left, right):
    for pattern, form in VOLATILE:
        if re.fullmatch(pattern, path):
            return all(re.fullmatch(form, str(value)) for value in (left, right))
    return False


class Comparison:
    """Two folders of artifacts: dbt's and tform's."""

    def __init__(self, dbt, tform):
        self.folders = (Path(dbt), Path(tform))
        self.met = set()

    def load(self, name):
        loaded = []
        for folder in self.folders:
            artifact = json.loads((folder / f"{name}.json").read_text())
            if isinstance(artifact.get("results"), list):
                artifact["results"] = {result["unique_id"]: result for result in artifact["results"]}
            loaded.append(artifact)
        return loaded

    def unexplained(self, name, artifact=None, part=None):
        """The differences of an artifact, or of one part of it, that nothing explains."""
        left, right = self.load(name)
        kind = artifact or name
        found = []
        for path, one, other in differences(left, right):
            if part is not None and not part(path) or is_volatile(path, one, other):
                continue
            if not self.is_known(kind, name, path, one, other):
                found.append(f"{path}: dbt {json.dumps(one, ensure_ascii=False)[:300]}, tform {json.dumps(other, ensure_ascii=False)[:300]}")
        return found

    def is_known(self, kind, name, path, one, other):
        for index, (artifact, pattern, _) in enumerate(KNOWN):
            if artifact in (kind, name) and re.fullmatch(pattern, path):
                if (pattern.startswith(("args/(?!", "macros/macro\\.(tform"))) and one != MISSING:
                    return False
                if path.startswith("group_map/") and sorted(one) != sorted(other):
                    return False
                if artifact == "build_manifest" and other not in (None, MISSING):
                    return False
                if "/depends_on/macros" in path and path.startswith("nodes/") and not is_built_in_more(one, other):
                    return False
                if artifact != "build_manifest" and path.endswith("/compiled_code") and not same_code(path, one, other):
                    return False
                self.met.add(index)
                return True
        return False
