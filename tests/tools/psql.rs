//! Statements for the throw-away server by its own client, past everything that is tested.

use std::process::Command;

use crate::postgres;

/// The lines that a statement gives on the server itself.
pub fn lines(database: &str, sql: &str) -> Result<Vec<String>, String> {
    let port = postgres::server()?.port.to_string();
    let output = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-F", " | ", "-P", "null=NULL", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .args(["-h", "localhost", "-p", &port, "-U", postgres::USER, database])
        .env("PGPASSWORD", postgres::PASSWORD)
        .env("PGOPTIONS", "-c search_path=main,public,stand_in -c client_min_messages=warning")
        .output()
        .map_err(|error| format!("psql: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
