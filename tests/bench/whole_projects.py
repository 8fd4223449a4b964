"""What needs no warehouse: start, parse, compile, list, and how each grows with the project."""

import math
import statistics
from pathlib import Path

import generate
from measure import Table, cold, measure, run

TESTS_PER_MODEL = 2
MACROS = 1000

# Seconds for 10,000 models with three refs each, properties of all columns, 20,000 tests, 1,000 macros.
COMMANDS = (
    ("parse", ["parse"], 0.8),
    ("compile of everything", ["compile", "--no-introspect"], 1.5),
    ("ls --select tag:tag_1+", ["ls", "--select", "tag:tag_1+"], 0.6),
    ("compile --select one model", ["compile", "--no-introspect", "--select", "model_00099"], 0.4),
)
MEMORY_MB = 200
GROWTH = 1.1


def project(root: Path, models: int) -> Path:
    """A layered project of that size, made once."""
    folder = root / f"layered_{models}"
    if not folder.exists():
        generate.generate(folder, models, models * TESTS_PER_MODEL, MACROS)
    return folder


def bench(table: Table, tform: str, root: Path, quick: bool) -> None:
    table.head("start")
    starts = [run([tform, "--version"], root).seconds for _ in range(21)]
    table.add("tform --version", statistics.median(starts), "ms", 0.005)
    seconds: dict[str, dict[int, float]] = {name: {} for name, _, _ in COMMANDS}
    for models in (100, 1000) if quick else (1000, 10_000, 50_000):
        folder = project(root, models)
        table.head(f"{models:,} models, {models * TESTS_PER_MODEL:,} tests, {MACROS:,} macros")
        for name, arguments, target in COMMANDS:
            is_measure = models == 10_000
            took = measure([tform, *arguments], folder, 1 if quick or models > 10_000 else 3)
            seconds[name][models] = took.processor_seconds
            table.add(name, took.seconds, "s", target if is_measure else None)
            table.add("  processor time", took.processor_seconds, "s")
            table.add("  peak memory", took.peak_mb, "MB", MEMORY_MB if is_measure else None)
        cold(folder)
    growth(table, seconds)


def growth(table: Table, seconds: dict[str, dict[int, float]]) -> None:
    """The exponent with which time grows, over each step: 1 is linear."""
    table.head("growth: exponent of the processor time by the number of models")
    for name, by_size in seconds.items():
        sizes = sorted(by_size)
        for small, large in zip(sizes, sizes[1:]):
            exponent = math.log(by_size[large] / by_size[small]) / math.log(large / small)
            table.add(f"{name}, {small:,} to {large:,}", exponent, "", GROWTH)
