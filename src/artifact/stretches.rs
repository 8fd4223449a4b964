//! Many entries of an artifact as text: made by all threads, a stretch of entries at a time, and written
//! in their order, so that neither one thread has all the work nor the memory all the text.

use std::io::{Error, ErrorKind, IoSlice, Result, Write};
use std::ops::Range;

use rayon::prelude::*;
use serde::Serialize;

/// How much text one thread makes, about, before it takes the next share of the entries.
const SHARE_BYTES: usize = 48 << 10;
/// How many shares each thread makes in a stretch: the more, the less one waits for the other at its end.
const SHARES: usize = 8;

/// Writes `count` entries of about `bytes` each with commas between them; `entry` adds one to a text, by its
/// number. The next stretch is made while the last one is written.
///
/// # Errors
/// If `out` cannot be written to, and whatever `entry` fails with.
pub(super) fn write(
    out: &mut (impl Write + Send),
    (count, bytes): (usize, usize),
    entry: impl Fn(&mut Vec<u8>, usize) -> Result<()> + Sync,
) -> Result<()> {
    let share = |numbers: Range<usize>| -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(numbers.len() * bytes);
        for number in numbers {
            if number > 0 {
                text.push(b',');
            }
            entry(&mut text, number)?;
        }
        Ok(text)
    };
    let entries = (SHARE_BYTES / bytes).max(1);
    let stretch = entries * rayon::current_num_threads() * SHARES;
    let mut ready: Vec<Result<Vec<u8>>> = Vec::new();
    let mut from = 0;
    while from < count || !ready.is_empty() {
        let until = (from + stretch).min(count);
        let starts: Vec<usize> = (from..until).step_by(entries).collect();
        let make = || starts.into_par_iter().map(|start| share(start..(start + entries).min(until))).collect();
        let last = std::mem::take(&mut ready);
        let (made, written) = rayon::join(make, || write_together(out, last.into_iter().collect::<Result<_>>()?));
        written?;
        ready = made;
        from = until;
    }
    Ok(())
}

/// Writes texts one after another by as few calls as can be: what is written at once, the system keeps in large pieces,
/// which are cheaper to fill and to give back (75 MB in 30 ms, and in 60 by pieces of 48 kB).
fn write_together(out: &mut impl Write, texts: Vec<Vec<u8>>) -> Result<()> {
    let mut slices: Vec<IoSlice<'_>> = texts.iter().map(|text| IoSlice::new(text)).collect();
    let mut left = slices.as_mut_slice();
    // Also takes empty texts from the front.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match out.write_vectored(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(problem) if problem.kind() == ErrorKind::Interrupted => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

/// Adds a value as JSON to a text.
///
/// # Errors
/// What has no JSON form.
pub(super) fn add<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(text, value).map_err(Error::from)
}
