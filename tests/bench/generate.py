"""Writes dbt projects of any size, the same each time.

    python3 generate.py FOLDER --models 10000 [--tests 20000] [--macros 500] [--columns 20] [--flat]

Each model has properties (description, columns, generic tests) and refers to up to three earlier
models. `--flat` writes one-row views that refer to nothing, for the cost of a node alone.
"""

import argparse
import random
from pathlib import Path

MODELS_PER_FOLDER = 100
MODELS_PER_PROPERTIES = 20
TESTS = ("not_null", "unique", "accepted_values", "relationships")


DUCKDB = "type: duckdb, path: bench.duckdb, threads: 2"


def project(folder: Path, name: str, profile: str = DUCKDB) -> None:
    """An empty project; `profile` is what stands between the braces of its target."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(
        f"name: {name}\nversion: '1.0'\nconfig-version: 2\nprofile: {name}\n"
        "flags:\n  send_anonymous_usage_stats: false\n"
    )
    (folder / "profiles.yml").write_text(
        f"{name}:\n  target: dev\n  outputs:\n    dev: {{{profile}}}\n"
    )


def model_name(number: int) -> str:
    return f"model_{number:05}"


def folder_of(root: Path, number: int) -> Path:
    folder = root / "models" / f"area_{number // MODELS_PER_FOLDER:03}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def measures(columns: int) -> list[str]:
    return [f"measure_{at:02}" for at in range(columns - 3)]


def measured(name: str, at: int, parents: int) -> str:
    """A column from one parent as it is, of two, or under a condition."""
    one, other = f"p{at % parents}", f"p{(at + 1) % parents}"
    match at % 3:
        case 0:
            return f"    {one}.{name}"
        case 1:
            return f"    coalesce({one}.{name}, 0) + {other}.{name} as {name}"
        case _:
            return f"    case when p0.status = 'a' then {one}.{name} end as {name}"


def layered_sql(number: int, macros: int, chance: random.Random, columns: int = 3) -> str:
    parents = sorted(chance.sample(range(number), min(3, number))) if number else []
    lines = [f"{{{{ config(materialized='table', tags=['tag_{number % 10}']) }}}}", ""]
    if not parents:
        first = [f"{number} as id", "'a' as status", "0 as parent_id", *(f"{at} as {name}" for at, name in enumerate(measures(columns)))]
        return "\n".join(lines + [f"select {', '.join(first)}", ""])
    ctes = [f"p{at} as (\n    select * from {{{{ ref('{model_name(parent)}') }}}}\n)" for at, parent in enumerate(parents)]
    lines.append("with " + ",\n".join(ctes))
    expression = f"{{{{ macro_{number % macros:03}('p0.id') }}}}" if macros else "p0.id"
    items = [f"    {expression} as id", "    p0.status", "    p0.id as parent_id"]
    items += [measured(name, at, len(parents)) for at, name in enumerate(measures(columns))]
    lines += ["select", ",\n".join(items), "from p0"]
    lines += [f"left join p{at} on p{at}.id = p0.id" for at in range(1, len(parents))]
    return "\n".join(lines + ["limit 1", ""])


def test_of(kind: str, column: str, number: int) -> str:
    if kind == "accepted_values":
        return "          - accepted_values:\n              arguments:\n                values: ['a', 'b', 'c']\n"
    if kind == "relationships":
        parent = model_name(max(0, number - 1))
        return (
            "          - relationships:\n              arguments:\n"
            f"                to: ref('{parent}')\n                field: {column}\n"
        )
    return f"          - {kind}\n"


def properties(numbers: list[int], tests: dict[int, list[tuple[str, str]]], columns: int = 3) -> str:
    text = "version: 2\nmodels:\n"
    for number in numbers:
        text += f"  - name: {model_name(number)}\n    description: Model number {number}, made for measuring.\n    columns:\n"
        for column in ("id", "status", "parent_id", *measures(columns)):
            text += f"      - name: {column}\n        description: The {column} of model {number}.\n"
            own = [kind for kind, on in tests.get(number, []) if on == column]
            if own:
                text += "        data_tests:\n" + "".join(test_of(kind, column, number) for kind in own)
    return text


def spread_tests(models: int, count: int) -> dict[int, list[tuple[str, str]]]:
    """`count` tests over the models, none of them twice."""
    kinds = [(kind, column) for column in ("id", "parent_id", "status") for kind in TESTS]
    kinds = [(kind, column) for kind, column in kinds if kind != "accepted_values" or column == "status"]
    spread: dict[int, list[tuple[str, str]]] = {}
    for at in range(min(count, models * len(kinds))):
        model = at % models
        spread.setdefault(model, []).append(kinds[(at // models * 3 + model) % len(kinds)])
    return spread


def exposures(root: Path, count: int) -> None:
    """A model and so many exposures of it, which have nothing to run."""
    project(root, "bench")
    (folder_of(root, 0) / "base.sql").write_text("select 1 as id\n")
    text = "version: 2\nexposures:\n"
    for number in range(count):
        text += f"  - {{name: exposure_{number:05}, type: dashboard, owner: {{name: bench, email: b@example.org}},"
        text += " depends_on: [ref('base')]}\n"
    (root / "models" / "exposures.yml").write_text(text)


def hub(root: Path, neighbours: int) -> None:
    """A model that so many others read."""
    project(root, "hub")
    (root / "models" / "staging").mkdir(parents=True)
    (root / "models" / "staging" / "center.sql").write_text("select 1 as id\n")
    for number in range(neighbours):
        folder = root / "models" / "marts" / f"area_{number % 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"mart_{number:03}.sql").write_text("select id from {{ ref('center') }}\n")


def sleepers(root: Path, parents: dict[str, list[str]], seconds: float, profile: str) -> None:
    """Models that take so long in PostgreSQL, by name with the names of their parents."""
    project(root, "bench", profile)
    for name, needed in parents.items():
        refs = "".join(f"-- depends_on: {{{{ ref('{parent}') }}}}\n" for parent in needed)
        sql = f"{{{{ config(materialized='table') }}}}\n{refs}select 1 as id from pg_sleep({seconds})\n"
        (folder_of(root, 0) / f"{name}.sql").write_text(sql)


def seed(root: Path, rows: int, profile: str) -> None:
    """One seed of so many rows."""
    project(root, "bench", profile)
    (root / "seeds").mkdir(exist_ok=True)
    with open(root / "seeds" / "big.csv", "w", encoding="utf-8") as file:
        file.write("id,name,amount\n")
        file.writelines(f"{number},name {number % 1000},{number % 977}.5\n" for number in range(rows))


def failing(root: Path, rows: int, profile: str) -> None:
    """A table of so many rows, none of which passes its test (a warning, so that the command succeeds)."""
    project(root, "bench", profile)
    sql = f"select n as id, cast(null as text) as name from generate_series(1, {rows}) as t(n)\n"
    (folder_of(root, 0) / "big.sql").write_text("{{ config(materialized='table') }}\n" + sql)
    (root / "models" / "big.yml").write_text(
        "models:\n  - name: big\n    columns:\n      - name: name\n"
        "        data_tests: [{not_null: {config: {severity: warn}}}]\n"
    )


def generate(
    root: Path, models: int, tests: int, macros: int, flat: bool = False, columns: int = 3, profile: str = DUCKDB
) -> None:
    project(root, "bench", profile)
    chance = random.Random(42)
    for number in range(models):
        sql = f"select {number} as id\n" if flat else layered_sql(number, macros, chance, columns)
        (folder_of(root, number) / f"{model_name(number)}.sql").write_text(sql)
    if not flat:
        spread = spread_tests(models, tests)
        for start in range(0, models, MODELS_PER_PROPERTIES):
            numbers = list(range(start, min(start + MODELS_PER_PROPERTIES, models)))
            (folder_of(root, start) / f"properties_{start:05}.yml").write_text(properties(numbers, spread, columns))
    (root / "macros").mkdir(exist_ok=True)
    for number in range(macros):
        body = f"{{%- macro macro_{number:03}(column, scale={number}) -%}}\n"
        body += "    {%- if scale > 0 -%}\n        ({{ column }} + 0 * {{ scale }})\n    {%- else -%}\n        {{ column }}\n"
        body += "    {%- endif -%}\n{%- endmacro -%}\n"
        (root / "macros" / f"macro_{number:03}.sql").write_text(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--tests", type=int, help="default: two for each model")
    parser.add_argument("--macros", type=int, default=500)
    parser.add_argument("--columns", type=int, default=3, help="columns that each model has and describes")
    parser.add_argument("--flat", action="store_true")
    arguments = parser.parse_args()
    tests = arguments.models * 2 if arguments.tests is None else arguments.tests
    generate(arguments.folder, arguments.models, tests, arguments.macros, arguments.flat, arguments.columns)


if __name__ == "__main__":
    main()
