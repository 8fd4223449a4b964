#!/usr/bin/env python3
"""Writes COMPATIBILITY.md from measured results: `generate.py`, or `generate.py --check`.

Its inputs are the tables beside it and the known differences of `tests/artifacts/compare.py`.
`--check` writes nothing: it proves that the page comes from its inputs and that every case which a
feature names exists. Ends as cargo does.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "COMPATIBILITY.md"
sys.path.insert(0, str(HERE.parent / "artifacts"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from compare import KNOWN  # noqa: E402
from record import rows  # noqa: E402


def table(head, lines):
    body = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body]] + [""]


def conformance():
    measured = rows("conformance.tsv")
    suites = {row[1]: int(row[2]) for row in measured if row[0] == "suite"}
    failed = {name: 0 for name in suites}
    suite, missed = "", []
    for row in measured:
        if row[0] == "suite":
            suite = row[1]
        else:
            failed[suite] += 1
            missed.append([suite, f"`{row[1].split('/')[-1]}`", row[2]])
    total, wrong = sum(suites.values()), sum(failed.values())
    yield "## dbt's own tests"
    yield ""
    yield (f"dbt's public functional tests run against the binary on PostgreSQL: **{total - wrong} of {total}** pass "
           f"({100 * (total - wrong) / total:.1f} %) of those that dbt itself passes in the same harness.")
    yield ""
    yield from table(["suite", "passed", "of"], [[name, str(count - failed[name]), str(count)] for name, count in suites.items()])
    if missed:
        yield from table(["suite", "test that fails", "why"], missed)


def corpus():
    measured = rows("corpus.tsv")
    same = sum(row[2] == "identical" for row in measured)
    yield "## Public projects"
    yield ""
    yield (f"Public projects, built beside dbt and compared by nodes, edges, relation names, statuses, columns and "
           f"contents: **{same} of {len(measured)}** are identical.")
    yield ""
    yield from table(["project", "engine", "verdict", "why"], measured)


def page():
    yield "<!-- Written by `make compatibility` from tests/compatibility and tests/artifacts/compare.py. -->"
    yield "# Compatibility with dbt"
    yield ""
    yield "What works as in dbt, what differs and why: figures are measured, features name the test cases that prove them."
    yield ""
    yield from conformance()
    yield from corpus()
    yield "## Packages"
    yield ""
    yield from table(["package", "version", "engine", "beside dbt", "what was run", "result"], rows("packages.tsv"))
    yield "## Artifacts"
    yield ""
    yield ("`make test-artifacts` runs dbt and tform on the example and on a project of many features and compares every "
           "field of `manifest.json`, `run_results.json`, `catalog.json` and `sources.json`. What differs between any "
           "two runs aside (times, ids), these are all differences:")
    yield ""
    yield from table(["artifact", "where", "why"], [[kind, f"`{path}`", reason] for kind, path, reason in KNOWN])
    yield "## Features"
    yield ""
    lines = [[area, feature, differs, ", ".join(f"`{case}`" for case in cases.split(","))] for area, feature, differs, cases in rows("features.tsv")]
    yield from table(["area", "feature", "what differs", "proved by (tests/e2e/cases)"], lines)


def main():
    text = "\n".join(page()).rstrip() + "\n"
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(text, encoding="utf-8")
        return
    missing = [case for row in rows("features.tsv") for case in row[3].split(",") if not (ROOT / "tests" / "e2e" / "cases" / f"{case}.txt").is_file()]
    checks = {
        "the_compatibility_page_comes_from_its_inputs": [] if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else ["run `make compatibility`"],
        "every_feature_names_cases_that_exist": missing,
    }
    for name, complaints in checks.items():
        print(f"test {name} ... {'FAILED' if complaints else 'ok'}")
        for complaint in complaints:
            print(f"    {complaint}")
    failed = sum(map(bool, checks.values()))
    print(f"\ntest result: {'FAILED' if failed else 'ok'}. {len(checks) - failed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
