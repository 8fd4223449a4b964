#!/usr/bin/env python3
"""dbt with dbt-redshift, against the stand-in for Redshift: `dbt_redshift.py DBT-ARGUMENTS`.

For looking at what dbt sends. Redshift's own driver speaks a protocol of its own, so its place is
taken by psycopg2, which speaks PostgreSQL's, as the stand-in does. All three come from PyPI
(`pip install dbt-redshift`, which brings psycopg2 along by dbt-postgres). In a case, for a while:

    $ sh /path/to/venv/bin/python "$EXAMPLE/tests/tools/dbt_redshift.py" --quiet run --select a
    $ sent
"""

import psycopg2
import redshift_connector
from dbt.cli.main import cli


class Cursor:
    """One of psycopg2 whose errors are those of Redshift's driver."""

    ps: dict = {}

    def __init__(self, inner):
        self.inner = inner

    def execute(self, sql, bindings=None):
        try:
            self.inner.execute(sql, bindings or None)
        except psycopg2.Error as error:
            raise redshift_connector.ProgrammingError({"M": str(error).strip()}) from error
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inner.close()

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Connection:
    """One of psycopg2 that commits each statement, as dbt asks of Redshift's driver."""

    def __init__(self, inner):
        inner.autocommit = True
        self.inner = inner

    def cursor(self):
        return Cursor(self.inner.cursor())

    def __getattr__(self, name):
        return getattr(self.inner, name)


def connect(host, port, user, password, database, **_):
    way = {"host": host, "port": port, "user": user, "password": password, "dbname": database}
    return Connection(psycopg2.connect(**way, sslmode="disable"))


if __name__ == "__main__":
    redshift_connector.connect = connect
    cli(prog_name="dbt")
