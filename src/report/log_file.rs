//! The log file: appended to, and put aside when it has grown too large.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many older files are kept beside the log (`dbt.log.1` is the youngest).
const OLDER_FILES: usize = 5;

#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_bytes: u64,
    /// Lines that are not written yet.
    pending: String,
}

/// So much is kept back at most.
const PENDING_BYTES: usize = 1 << 14;

impl LogFile {
    /// Opens `path` for appending and makes its folder. `max_bytes` of zero never puts the file aside.
    pub fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(LogFile { path: path.to_owned(), file, size, max_bytes, pending: String::new() })
    }

    /// Keeps one line to be written with those that follow: [`LogFile::flush`] must be called soon.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        self.pending.push_str(line);
        self.pending.push('\n');
        if self.pending.len() < PENDING_BYTES { Ok(()) } else { self.flush() }
    }

    /// Whether there are lines to be written.
    pub fn is_due(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what there is in one call, so that lines of concurrent invocations do not mix.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        let added = self.pending.len() as u64;
        if self.max_bytes > 0 && self.size > 0 && self.size + added > self.max_bytes {
            self.put_aside()?;
        }
        self.file.write_all(self.pending.as_bytes())?;
        self.pending.clear();
        self.size += added;
        Ok(())
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let older = |number: usize| PathBuf::from(format!("{}.{number}", self.path.display()));
        for number in (1..OLDER_FILES).rev() {
            if older(number).exists() {
                fs::rename(older(number), older(number + 1))?;
            }
        }
        fs::rename(&self.path, older(1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_is_put_aside_and_only_five_older_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/dbt.log");
        let mut log = LogFile::open(&path, 10).unwrap();
        for number in 0..9 {
            log.add(&format!("line {number}")).unwrap();
            log.flush().unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join("logs").join(name)).unwrap();
        assert_eq!(read("dbt.log"), "line 8\n");
        assert_eq!(read("dbt.log.1"), "line 7\n");
        assert_eq!(read("dbt.log.5"), "line 3\n");
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 6);
    }

    #[test]
    fn a_log_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dbt.log");
        for line in ["a", "b"] {
            let mut log = LogFile::open(&path, 0).unwrap();
            log.add(line).unwrap();
            log.flush().unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), "a\nb\n");
    }

    #[test]
    fn lines_wait_for_each_other_but_not_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dbt.log");
        let mut log = LogFile::open(&path, 0).unwrap();
        log.add("a").unwrap();
        assert!(log.is_due());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        log.add(&"b".repeat(PENDING_BYTES)).unwrap();
        assert!(!log.is_due());
        assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 2);
    }
}
