"""The documentation site: writing it, its size, and in a browser (if its tests are installed) how it opens."""

import subprocess
import sys
from pathlib import Path

import generate
from measure import Table, measure


def bench(table: Table, tform: str, root: Path, quick: bool) -> None:
    models = 1000 if quick else 10_000
    folder = root / "documented"
    generate.generate(folder, models, models * 2, 500, columns=20)
    table.head(f"documentation, {models:,} models of 20 columns")
    runs = 1 if quick else 3
    read = measure([tform, "docs", "generate", "--empty-catalog", "--no-compile"], folder, runs)
    written = measure([tform, "docs", "generate", "--empty-catalog"], folder, runs)
    size = sum(path.stat().st_size for path in (folder / "target" / "site").iterdir())
    is_measure = models == 10_000
    table.add("docs generate", written.seconds, "s", 5 if is_measure else None)
    table.add("  peak memory", written.peak_mb, "MB", 600 if is_measure else None)
    table.add("docs generate --no-compile", read.seconds, "s", 5 if is_measure else None)
    table.add("  peak memory", read.peak_mb, "MB", 600 if is_measure else None)
    table.add("  folder", size / 1e6, "MB", 15 if is_measure else None)
    browser = Path(__file__).parent.parent / "browser"
    if not (browser / "node_modules").is_dir():
        print("the site is not opened: `make docs-test` installs what that needs", file=sys.stderr)
        return
    hub = root / "hub"
    generate.hub(hub, 500)
    subprocess.run([tform, "docs", "generate", "--quiet", "--no-compile", "--empty-catalog"], cwd=hub, check=True)
    subprocess.run(["node", str(browser / "bench.mjs"), str(folder / "target"), str(hub / "target")], check=False)
