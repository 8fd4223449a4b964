//! `dbt_project.yml`: what a project and a package are.
