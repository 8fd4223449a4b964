#!/bin/sh
# Puts DuckDB's official shared library where the build finds it:
#
#     tests/tools/fetch_duckdb.sh [folder]      # default: ~/.cache/tform/duckdb
#
# The library comes out of the npm package in which DuckDB publishes it for this system.
# A second call does nothing; a call that is interrupted leaves nothing half done.
set -eu

version=1.5.6-r.1 # of the npm package; goes with `duckdb` in Cargo.toml (1.10506.x is 1.5.6)
folder=${1:-${DUCKDB_LIB_DIR:-$HOME/.cache/tform/duckdb}}

case "$(uname -s)" in
Linux) system=linux library=libduckdb.so ;;
Darwin) system=darwin library=libduckdb.dylib ;;
*) echo "no prebuilt DuckDB library for $(uname -s); build with: cargo build --release --features bundled" >&2; exit 1 ;;
esac
case "$(uname -m)" in
x86_64 | amd64) machine=x64 ;;
aarch64 | arm64) machine=arm64 ;;
*) echo "no prebuilt DuckDB library for $(uname -m); build with: cargo build --release --features bundled" >&2; exit 1 ;;
esac

package="@duckdb/node-bindings-$system-$machine@$version"
if [ -f "$folder/$library" ] && [ "$(cat "$folder/package" 2>/dev/null)" = "$package" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is needed to fetch $package (or set DUCKDB_LIB_DIR to a folder with $library)" >&2
    exit 1
fi

echo "fetching $package"
mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
(cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz)
if [ ! -f "$work/package/$library" ]; then
    echo "$package holds no $library" >&2
    exit 1
fi
mv -f "$work/package/$library" "$folder/$library" # in one file system: a running tform keeps its old copy
printf '%s\n' "$package" >"$work/marker"
mv -f "$work/marker" "$folder/package"
