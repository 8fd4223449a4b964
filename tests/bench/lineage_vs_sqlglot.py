#!/usr/bin/env python3
"""Compares tform's column lineage with sqlglot's on the queries of src/sql/tests/*.txt.

    make bench BENCH="--only lineage"
    pip install sqlglot && python tests/bench/lineage_vs_sqlglot.py

What tform reads is what the case files state (its unit tests hold them to that); here
sqlglot reads the same queries with the same known columns. Compared is the set of input
columns of each output column. Each difference is printed with why it is there; one that
nobody has explained yet fails the script.
"""

import pathlib
import re
import sys

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

CASES = pathlib.Path(__file__).resolve().parents[2] / "src" / "sql" / "tests"
DIALECTS = ["duckdb", "postgres", "redshift"]

# Why a case differs, by a part of its name.
EXPLAINED = {
    "A named window": "sqlglot does not follow the name of a window to its columns; with the window in place it does",
    "Pivot.": "which row goes into which column is decided by the column after `for`, so tform counts it",
    "Unpivot.": "the column has the names of columns, not their values",
    "Both sides of a star": "two output columns have one name; sqlglot looks by name and finds the first",
    "Using": "sqlglot makes every common column a coalesce; the value is that of the side whose rows are kept",
    "A qualified column of a using": "as for `using`: in an inner join the value is the left side's",
    "A natural join": "as for `using`",
    "Except takes": "what is excepted takes rows away and gives no values: tform has it under what decides rows",
    "Union by name": "sqlglot joins the sides by position",
    "Unnesting with the place": "sqlglot does not follow the second level to the table",
    "Unpivoting an object": "sqlglot takes the names that the unpivot makes for columns of the table",
    "JSON operators": "sqlglot takes `upper(doc -> ...)` for a lambda function",
    "Structs, lists": "sqlglot takes `list[1]` for a literal list",
    "Arrays and rows": "sqlglot takes `list[1]` for a literal list",
    "Unnest under its alias": "sqlglot takes the name for the table, which has no columns for it",
    "A series under its alias": "a series is made of nothing; sqlglot gives a column of a table without a name",
    "JSON in from": "sqlglot stops at the function and does not go on to its argument",
    "Elements with their places": "the place is a number, not an element",
    "A file.": "sqlglot names the file; tform does so where a source of the project stands for it",
    "Everything in an aggregate": "sqlglot leaves `t.*` as it is; tform names its columns",
    "columns()": "sqlglot does not expand `columns(...)`",
    "Lateral": "sqlglot gives the condition inside of the lateral query for its value",
    "Recursion that passes": "sqlglot reads the recursive branch once; the second round brings the other column",
    "A whole row": "sqlglot does not see that the table's name stands for its row",
    "Hierarchies": "`level` is how deep a row is, not a column",
    "But names can be told": "sqlglot stops at a star over a table of which nothing is known",
    "A name that only one can have": "sqlglot gives up; the other table's columns are all known, so it is this one's",
    "Columns that were written down": "sqlglot takes a list of columns for all there are",
    "A name that nobody": "sqlglot gives up",
    "A broken CTE that nobody reads": "sqlglot does not read it",
    "Whether there are rows": "sqlglot gives what the star in `exists` selects, which changes nothing; not the outer column that decides",
    "The same without an alias": "sqlglot takes `sales.items` for a column of the table before it, here both are tables",
}


def cases():
    """(name, dialects, schema, sql, expected columns) of each case."""
    for path in sorted(CASES.glob("*.txt")):
        for paragraph in path.read_text().split("\n\n"):
            if "sql:" not in paragraph:
                continue
            name, dialects, schema, sql, columns, in_sql = "", DIALECTS, {}, "", [], False
            for line in paragraph.splitlines():
                if in_sql and line.startswith(" "):
                    sql += "\n" + line
                    continue
                in_sql = False
                if line.startswith("# "):
                    name = line[2:]
                elif line.startswith("for: "):
                    dialects = [word.strip() for word in line[5:].split(",")]
                elif line.startswith("sql: "):
                    sql, in_sql = line[5:], True
                elif sql:
                    if re.match(r"(rows|open|error): ", line):
                        continue
                    left, _, right = line.partition(" =")
                    inputs, _, unknown = right.partition("!")
                    found = {part.strip().rsplit(" ", 1)[0].lower() for part in inputs.split(",") if part.strip()}
                    columns.append((left.strip(), found, bool(unknown)))
                elif ": " in line:
                    table, _, known = line.partition(": ")
                    schema[table] = [word.strip() for word in known.split(",")]
            yield name, dialects, schema, sql, columns


def nested(schema):
    """The known columns as sqlglot wants them; tables of which nothing is known are left out."""
    result = {}
    for table, columns in schema.items():
        known = {}
        for column in columns:
            if column not in ("?", "..."):
                name, _, kind = column.partition(" ")
                known[name] = kind or "text"
        if not known:
            continue
        place = result
        *folders, last = table.split(".")
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = known
    depth = max((table.count(".") for table in schema), default=0)
    same = all(table.count(".") == depth for table in schema)
    return result if same else None


def by_sqlglot(sql, dialect, schema, column):
    """The inputs of one column; a sentence instead if sqlglot cannot say."""
    try:
        root = lineage(column, sql, schema=nested(schema), dialect=dialect)
    except Exception as error:  # any refusal is an answer here
        return " ".join(str(error).split())[:90]
    found = set()
    for node in root.walk():
        if node.downstream:
            continue
        if isinstance(node.expression, exp.Table):
            table = node.expression
            path = ".".join(part.name for part in (table.args.get("catalog"), table.args.get("db"), table.this) if part)
            found.add(f"{path}.{node.name.split('.')[-1].strip(chr(34))}".lower())
    return found


def name_of(left, data):
    """The column's name without its type: the words that sqlglot finds among its own."""
    for name in data:
        if left.lower() == name.lower() or left.lower().startswith(name.lower() + " "):
            return name
    return None


def outputs(sql, dialect, schema):
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
        from sqlglot.optimizer.qualify import qualify

        tree = qualify(tree, schema=nested(schema), dialect=dialect, validate_qualify_columns=False)
        return [name for name in tree.named_selects]
    except Exception as error:
        return " ".join(str(error).split())[:90]


def main():
    same = total = silent = 0
    differences = []
    for name, dialects, schema, sql, columns in cases():
        for dialect in dialects:
            names = outputs(sql, dialect, schema)
            for place, (left, ours, unknown) in enumerate(columns):
                if unknown:
                    silent += 1
                    continue
                total += 1
                if isinstance(names, str):
                    theirs = names
                else:
                    column = name_of(left, names) or (names[place] if place < len(names) else None)
                    theirs = by_sqlglot(sql, dialect, schema, column) if column else "no such column"
                if theirs == ours:
                    same += 1
                else:
                    differences.append((name, dialect, left, ours, theirs))
    unexplained = 0
    for name, dialect, left, ours, theirs in differences:
        why = next((why for part, why in EXPLAINED.items() if part in name), None)
        if why is None and isinstance(theirs, str):
            why = "sqlglot does not read it"
        unexplained += why is None
        shown = theirs if isinstance(theirs, str) else ", ".join(sorted(theirs)) or "nothing"
        print(f"{name} [{dialect}] `{left}`\n    tform:   {', '.join(sorted(ours)) or 'nothing'}\n    sqlglot: {shown}")
        print(f"    why:     {why or 'NOT EXPLAINED'}")
    print(f"\nsqlglot {sqlglot.__version__}: {same} of {total} columns agree ({100 * same / total:.1f} %)")
    print(f"{len(differences)} differ, {unexplained} without an explanation; {silent} columns tform leaves open")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
