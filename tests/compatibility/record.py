#!/usr/bin/env python3
"""Takes down measured results: `record.py conformance RESULTS EXPECTED` or `record.py corpus LOG`.

RESULTS is the folder with `<suite>.failed.txt` of a conformance run, EXPECTED the one with
`expected_pass.<suite>.txt`; LOG is what the corpus runner printed. Writes `conformance.tsv` or
`corpus.tsv` beside this file; a reason that was written down for a test before is kept.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITES = ["adapter", "base", "core"]


def rows(name):
    path = HERE / name
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def conformance(results, expected):
    reasons = {row[1]: row[2] for row in rows("conformance.tsv") if row[0] == "failed"}
    lines = ["# suite NAME EXPECTED, or: failed TEST REASON"]
    for suite in SUITES:
        count = sum(1 for line in (expected / f"expected_pass.{suite}.txt").read_text().splitlines() if line.strip())
        lines.append(f"suite\t{suite}\t{count}")
        for line in sorted((results / f"{suite}.failed.txt").read_text().splitlines()):
            if line.strip():
                test = line.split("\t")[0]
                lines.append(f"failed\t{test}\t{reasons.get(test, 'not explained yet')}")
    (HERE / "conformance.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def corpus(log):
    known = {row[0]: row for row in rows("corpus.tsv")}
    for line in log.read_text().splitlines():
        found = re.match(r"(\w+) +(duckdb|postgres|redshift) .* (identical|\d+ differences)$", line.rstrip())
        if found:
            name, adapter, verdict = found.groups()
            reason = "-" if verdict == "identical" else known.get(name, ["", "", "", "not explained yet"])[3]
            known[name] = [name, adapter, verdict, reason]
    lines = ["# project\tengine\tverdict\treason", *("\t".join(known[name]) for name in sorted(known))]
    (HERE / "corpus.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["conformance"] and len(sys.argv) == 4:
        conformance(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["corpus"] and len(sys.argv) == 3:
        corpus(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
