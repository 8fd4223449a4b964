//! DuckDB as the linker put it in: nothing is to be loaded.

/// Does nothing: the functions are there since the program began.
///
/// # Errors
/// None; where the library is loaded late there are some.
pub fn load() -> Result<(), String> {
    Ok(())
}
