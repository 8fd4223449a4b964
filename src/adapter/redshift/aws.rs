//! Asking AWS for a database user's temporary credentials, by AWS's own SDK (the cargo feature `aws`).

#[cfg(feature = "aws")]
mod sdk;

use super::sign_in::{Pass, Request};
use crate::adapter::AdapterError;
use crate::diagnostic::Diagnostic;

/// Whether this build can ask AWS at all.
///
/// # Errors
/// If it was built without AWS's SDK.
#[cfg(feature = "aws")]
pub fn verify(_method: &str) -> Result<(), Diagnostic> {
    Ok(())
}

#[cfg(not(feature = "aws"))]
pub fn verify(method: &str) -> Result<(), Diagnostic> {
    Err(Diagnostic::error(format!("`method: {method}` needs AWS's SDK, which this build of tform does not have"))
        .note("it was built without the cargo feature `aws`; released binaries have it")
        .hint("`cargo build --release --features aws` builds tform with it"))
}

/// Fetches credentials.
///
/// # Errors
/// If AWS cannot be reached, does not know who asks, or gives none.
#[cfg(feature = "aws")]
pub fn fetch(request: &Request) -> Result<Pass, AdapterError> {
    sdk::fetch(request)
}

#[cfg(not(feature = "aws"))]
pub fn fetch(_request: &Request) -> Result<Pass, AdapterError> {
    Err(AdapterError::unsupported("this build of tform has no AWS SDK"))
}
