"""Memory where there are many rows: it must not grow with them."""

from pathlib import Path

import generate
import postgres
from measure import Table, cold, run

# Megabytes by which memory may grow from a tenth of the rows to all of them.
GROWTH_MB = 40


def bench(table: Table, tform: str, root: Path, quick: bool, server: postgres.Server | None) -> None:
    seeded, stored = (500_000, 100_000) if quick else (5_000_000, 1_000_000)
    table.head("memory of many rows: a tenth of them, all of them, and by how much it grew")
    targets = [("PostgreSQL", server.profile(2))] if server else []
    for engine, profile in [*targets, ("DuckDB, which caches in this process", generate.DUCKDB)]:
        own = GROWTH_MB if engine == "PostgreSQL" else None
        seed(table, tform, root / f"seed_{engine[:4]}", seeded, (engine, profile, own))
        rows(table, tform, root / f"rows_{engine[:4]}", stored, (engine, profile, own))


def grown(table: Table, what: str, small: float, large: float, target: float | None) -> None:
    table.note(f"{what}: {small:.0f} and {large:.0f} MB")
    table.add("  grew by", max(large - small, 0), "MB", target)


def seed(table: Table, tform: str, folder: Path, count: int, on: tuple[str, str, float | None]) -> None:
    engine, profile, target = on
    peaks = []
    for rows_of_file in (count // 10, count):
        generate.seed(folder, rows_of_file, profile)
        cold(folder)
        peaks.append(run([tform, "seed", "--full-refresh"], folder).peak_mb)
    grown(table, f"seed of {count:,} rows, {engine}", *peaks, target)


def rows(table: Table, tform: str, folder: Path, count: int, on: tuple[str, str, float | None]) -> None:
    """`show` of a large table, and a test that stores as many failures."""
    engine, profile, target = on
    shown, stored = [], []
    for size in (count // 10, count):
        generate.failing(folder, size, profile)
        cold(folder)
        run([tform, "run"], folder)
        shown.append(run([tform, "show", "--select", "big"], folder).peak_mb)
        stored.append(run([tform, "test", "--store-failures"], folder).peak_mb)
    grown(table, f"show of a table of {count:,} rows, {engine}", *shown, target)
    grown(table, f"store_failures of {count:,} rows, {engine}", *stored, target)
