//! Questions on the terminal, and the answers to them.

use std::io::{BufRead, IsTerminal};

use super::plain;

/// Somebody to be asked: at the terminal, or by what is piped in.
pub struct Dialog<'a> {
    on_terminal: bool,
    interrupted: &'a dyn Fn() -> bool,
}

/// Why no answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// There is no more input.
    Input,
    /// By a signal.
    Interrupted,
}

impl<'a> Dialog<'a> {
    /// `interrupted` tells whether a signal came: what waits for an answer then ends.
    pub fn new(interrupted: &'a dyn Fn() -> bool) -> Dialog<'a> {
        Dialog { on_terminal: std::io::stdin().is_terminal(), interrupted }
    }

    pub fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Whether something is piped in; waits until that is known.
    pub fn has_input(&self) -> bool {
        !self.on_terminal && std::io::stdin().lock().fill_buf().is_ok_and(|buffer| !buffer.is_empty())
    }

    pub fn say(&self, text: &str) {
        plain(false, |_| format!("{text}\n"));
    }

    /// The answer to a question, without its line end and the blanks around it.
    ///
    /// # Errors
    /// If none comes.
    pub fn ask(&self, question: &str) -> Result<String, Ended> {
        plain(false, |_| format!("{question}: "));
        let answer = self.line();
        if !self.on_terminal {
            // Nobody has typed a line end that is seen.
            self.say("");
        }
        Ok(answer?.trim().to_owned())
    }

    /// [`Dialog::ask`], without showing what is typed.
    ///
    /// # Errors
    /// If no answer comes.
    pub fn ask_hidden(&self, question: &str) -> Result<String, Ended> {
        // Whoever sees the question may type.
        let hidden = self.on_terminal.then(echo::Off::new);
        plain(false, |_| format!("{question}: "));
        let answer = self.line();
        drop(hidden);
        self.say("");
        answer
    }

    fn line(&self) -> Result<String, Ended> {
        if self.on_terminal && !echo::wait(self.interrupted) {
            return Err(Ended::Interrupted);
        }
        let mut line = Vec::new();
        match std::io::stdin().lock().read_until(b'\n', &mut line) {
            Ok(read) if read > 0 => {}
            _ => return Err(Ended::Input),
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    }
}

#[cfg(unix)]
mod echo {
    //! The terminal, while a line is typed.

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How often a signal is looked for.
    const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

    /// Waits for a line; false if a signal comes first.
    pub fn wait(interrupted: &dyn Fn() -> bool) -> bool {
        let stdin = std::io::stdin();
        loop {
            if interrupted() {
                return false;
            }
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&WAIT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                _ => return true,
            }
        }
    }

    /// What is typed is not shown, until this goes.
    pub struct Off(Option<Termios>);

    impl Off {
        pub fn new() -> Off {
            let Ok(before) = tcgetattr(std::io::stdin()) else { return Off(None) };
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            let set = tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet);
            Off(set.is_ok().then_some(before))
        }
    }

    impl Drop for Off {
        fn drop(&mut self) {
            if let Some(before) = &self.0 {
                // A terminal that is gone shows nothing more.
                let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
            }
        }
    }
}

#[cfg(not(unix))]
mod echo {
    //! Terminals that cannot be told to hide what is typed.

    pub fn wait(interrupted: &dyn Fn() -> bool) -> bool {
        !interrupted()
    }

    pub struct Off;

    impl Off {
        pub fn new() -> Off {
            Off
        }
    }
}
