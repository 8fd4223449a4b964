#!/usr/bin/env bash
# Installs the system's packages that the tests need, unless they are there: a PostgreSQL server,
# a headless browser with letters for Hangul, and small tools. For Debian and its kin.
set -eu

# need COMMAND PACKAGE...: installs the packages unless the command is there.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    install "$@"
}

install() {
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "$@"
}

need python3 python3 python3-venv
need npm nodejs npm
need setpriv util-linux
need openssl openssl
need valgrind valgrind
need chromium chromium fonts-nanum
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need postgres postgresql
