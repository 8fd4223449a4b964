#!/bin/sh
# Puts DuckDB's official shared library where the build finds it:
#
#     tests/tools/fetch_duckdb.sh [folder]      # default: ~/.cache/tform/duckdb
#
# On Linux it comes out of the wheel in which DuckDB is published on PyPI. The library in there has
# DuckDB's whole C interface and, beside it, the module for Python, whose names only an interpreter
# defines. `libduckdb.so` is therefore a small library of our own: it needs the wheel's
# (`libduckdb_engine.so`) and defines those names, as room that nobody reads, since no function of
# the C interface calls Python. No interpreter runs, and any version of one will do for pip.
# On macOS it comes from DuckDB's releases.
#
# A second call does nothing; a call that is interrupted leaves nothing half done.
set -eu

# Goes with `duckdb` in Cargo.toml (1.20000.x is made for 2.0.0); this release also says where in a
# statement an error is.
version=2.0.1
folder=${1:-${DUCKDB_LIB_DIR:-$HOME/.cache/tform/duckdb}}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

system=$(uname -s)-$(uname -m)
case $system in
Linux-x86_64 | Linux-amd64) platform=manylinux_2_28_x86_64 library=libduckdb.so ;;
Linux-aarch64 | Linux-arm64) platform=manylinux_2_28_aarch64 library=libduckdb.so ;;
Darwin-*) platform=osx-universal library=libduckdb.dylib ;;
*) echo "no prebuilt DuckDB library for $system; build with: cargo build --release --features bundled" >&2; exit 1 ;;
esac

package="duckdb $version $platform"
if [ -f "$folder/$library" ] && [ "$(cat "$folder/package" 2>/dev/null)" = "$package" ]; then
    exit 0
fi

# needed COMMAND...: says what is missing, for those who have the library from elsewhere too.
needed() {
    for command in "$@"; do
        command -v "$command" >/dev/null && continue
        echo "$command is needed to fetch $package (or set DUCKDB_LIB_DIR to a folder with $library)" >&2
        exit 1
    done
}

# The wheel for one version of Python, whichever runs here: the modules differ, DuckDB does not.
from_wheel() {
    needed python3 cc nm
    pip="python3 -m pip"
    if ! $pip --version >/dev/null 2>&1; then
        python3 -m venv "$work/venv"
        pip=$work/venv/bin/pip
    fi
    $pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
        --python-version 3.11 --implementation cp --platform "$platform" "duckdb==$version"
    python3 -m zipfile -e "$work"/duckdb-*.whl "$work"
    mv "$work"/_duckdb.*.so "$work/libduckdb_engine.so"
    nm -D --undefined-only "$work/libduckdb_engine.so" | awk '
        BEGIN { print ".section .note.GNU-stack,\"\",%progbits\n.data" }
        { sub(/@.*/, "", $2) }
        $2 ~ /^_?Py/ { printf ".globl %s\n.balign 16\n%s: .zero 64\n", $2, $2 }' >"$work/python.s"
    # The folder's own name, too: cargo runs tests with a copy of this library that stands elsewhere.
    cc -shared -nostdlib -o "$work/$library" "$work/python.s" -Wl,-soname,"$library" \
        -L"$work" -Wl,--no-as-needed -l:libduckdb_engine.so -Wl,-rpath,"\$ORIGIN:$folder"
}

from_release() {
    needed curl
    curl --silent --show-error --fail --location \
        "https://github.com/duckdb/duckdb/releases/download/v$version/duckdb-shared-libs-$platform.tar.gz" |
        tar -xzf - -C "$work"
}

echo "fetching $package"
work=$folder/.fetch.$$ # beside the place, so that what is whole can be moved there
mkdir "$work"
trap 'rm -rf "$work"' EXIT INT TERM
case $system in
Linux-*) from_wheel ;;
*) from_release ;;
esac
if [ ! -f "$work/$library" ]; then
    echo "$package holds no $library" >&2
    exit 1
fi
for file in libduckdb_engine.so "$library"; do # in one file system: a running tform keeps its old copy
    if [ -f "$work/$file" ]; then
        mv -f "$work/$file" "$folder/$file"
    fi
done
printf '%s\n' "$package" >"$work/marker"
mv -f "$work/marker" "$folder/package"
