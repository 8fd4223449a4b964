//! Packages: from their lists to `dbt_packages`.
