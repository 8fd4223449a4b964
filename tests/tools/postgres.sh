#!/bin/sh
# A throw-away PostgreSQL server for tests: postgres.sh PORT
#
# Makes a cluster in a temp folder, prints `ready FOLDER` when it takes connections on 127.0.0.1,
# and stops and removes everything when its standard input ends, that is, when the caller is gone.
# User `tform` with password `secret` may do everything. FOLDER has server.crt, which proves
# the name `localhost`, client.crt and client.key, which prove the user `certified` (the only one who is
# asked for that), and the server's socket, over which nobody is asked for a password.
set -eu
port=$1

binaries=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$binaries" ] || binaries=$(dirname "$(command -v postgres || echo /nowhere/postgres)")
if ! [ -x "$binaries/postgres" ]; then
    echo "no PostgreSQL server found: install the package \`postgresql\`" >&2
    exit 1
fi

folder=$(mktemp -d)
server=
stop() {
    trap - EXIT INT TERM
    [ -z "$server" ] || { kill -INT "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 1' INT TERM

# The server refuses to run as root.
as=
if [ "$(id -u)" = 0 ]; then
    user=$(id -u postgres 2>/dev/null || id -u nobody)
    chown "$user" "$folder"
    as="setpriv --reuid=$user --clear-groups"
fi
chmod 755 "$folder"
cd "$folder"

echo secret >password
chmod 644 password
$as "$binaries/initdb" --pgdata data --username tform --pwfile password --auth-local trust \
    --auth-host scram-sha-256 --no-sync --no-locale --encoding UTF8 >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
$as openssl req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout data/server.key -out data/server.crt 2>openssl.log \
    || { cat openssl.log >&2; exit 1; }
cp data/server.crt server.crt
# The server's own certificate signs that of the client.
{ openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=certified -keyout client.key -out client.csr &&
    openssl x509 -req -days 2 -in client.csr -CA data/server.crt -CAkey data/server.key -CAcreateserial -CAserial client.srl \
        -out client.crt; } >openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }
chmod 644 server.crt client.crt client.key
{ echo 'hostssl all certified 127.0.0.1/32 cert'; cat data/pg_hba.conf; } >hba.conf
chmod 644 hba.conf
# shellcheck disable=SC2086
$as "$binaries/postgres" -D data -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 -c ssl=on \
    -c ssl_ca_file=server.crt -c hba_file="$folder/hba.conf" -c fsync=off \
    -c full_page_writes=off -c synchronous_commit=off -c max_connections=200 -c log_min_messages=fatal \
    -c timezone=UTC >server.log 2>&1 &
server=$!
until "$binaries/pg_isready" -q -h "$folder" -p "$port"; do
    kill -0 "$server" 2>/dev/null || { cat server.log >&2; exit 1; }
    sleep 0.05
done
echo "ready $folder"
read -r _ || true
