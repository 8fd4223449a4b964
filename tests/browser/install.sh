#!/usr/bin/env bash
# Installs what the documentation site and its tests need from npm, as their lock files say,
# unless it is there.
set -eu
cd "$(dirname "$0")/../.."
for folder in docs_site tests/browser; do
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        cp "$folder/package-lock.json" "$folder/node_modules/.installed"
    fi
done
