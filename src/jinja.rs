//! Jinja as dbt speaks it, on minijinja.
