//! The terminal: lines that stay, and below them the nodes that run just now.
//!
//! The running area is drawn only on a terminal. Each change is one write: up to the area's
//! first line, erase, the new lines, the area again; so nothing flickers. A reader that went
//! away (a closed pipe) silences the output and harms nothing.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::event::Position;

use super::message::{Color, Style};

/// At most this many running nodes are shown.
const MOST_RUNNING: usize = 10;

struct Running {
    unique_id: String,
    label: String,
    position: Position,
    since: Instant,
}

/// The size of the terminal in characters.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

pub struct Terminal {
    out: Box<dyn Write + Send>,
    style: Style,
    /// `Some` on a terminal: the area of running nodes is drawn.
    size: Option<fn() -> Size>,
    running: Vec<Running>,
    finished: usize,
    failed: usize,
    total: usize,
    /// Lines of the area on screen.
    drawn: usize,
    closed: bool,
}

impl Terminal {
    pub fn new(out: Box<dyn Write + Send>, style: Style, size: Option<fn() -> Size>) -> Self {
        let (running, closed) = (Vec::new(), false);
        Terminal { out, style, size, running, finished: 0, failed: 0, total: 0, drawn: 0, closed }
    }

    pub fn is_live(&self) -> bool {
        self.size.is_some()
    }

    /// Writes lines that stay.
    pub fn print(&mut self, text: &str) {
        let area = self.area();
        let mut change = self.erasing();
        change.push_str(text);
        change.push('\n');
        self.show(change, &area);
    }

    /// A node begins; it stands in the area until [`Terminal::finish`].
    pub fn start(&mut self, unique_id: &str, label: &str, position: Position) {
        let (unique_id, label) = (unique_id.to_owned(), label.to_owned());
        self.running.push(Running { unique_id, label, position, since: Instant::now() });
        self.total = position.total;
    }

    pub fn finish(&mut self, unique_id: &str, failed: bool) {
        let before = self.running.len();
        self.running.retain(|running| running.unique_id != unique_id);
        if self.running.len() < before {
            self.finished += 1;
            self.failed += usize::from(failed);
        }
    }

    /// A node that never ran is done with.
    pub fn pass_over(&mut self, total: usize) {
        self.finished += 1;
        self.total = total;
    }

    /// A new phase (hooks, then nodes) counts from the beginning.
    pub fn reset_counts(&mut self) {
        (self.finished, self.failed, self.total) = (0, 0, 0);
    }

    /// Draws the area again, with new times.
    pub fn refresh(&mut self) {
        if self.running.is_empty() && self.drawn == 0 {
            return;
        }
        let area = self.area();
        let change = self.erasing();
        self.show(change, &area);
    }

    /// Takes the area off the screen.
    pub fn clear(&mut self) {
        self.running.clear();
        if self.drawn > 0 {
            let change = self.erasing();
            self.show(change, &[]);
        }
    }

    fn erasing(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\r\x1b[J", self.drawn) }
    }

    fn show(&mut self, mut change: String, area: &[String]) {
        for line in area {
            change.push_str(line);
            change.push('\n');
        }
        self.drawn = area.len();
        if self.closed {
            return;
        }
        let written = self.out.write_all(change.as_bytes()).and_then(|()| self.out.flush());
        self.closed = written.is_err();
    }

    fn area(&self) -> Vec<String> {
        let Some(size) = self.size.map(|size| size()) else { return Vec::new() };
        if self.running.is_empty() {
            return Vec::new();
        }
        let most = MOST_RUNNING.min(size.rows.saturating_sub(4)).max(1);
        let mut lines: Vec<String> = self.running.iter().take(most).map(|node| self.node_line(node, size)).collect();
        if self.running.len() > most {
            lines.push(format!("          and {} more", self.running.len() - most));
        }
        let failed = match self.failed {
            0 => String::new(),
            count => format!(", {}", self.style.paint(Color::Red, &format!("{count} failed"))),
        };
        let done = format!("          {} of {} done, {} running", self.finished, self.total, self.running.len());
        lines.push(format!("{}{failed}", self.style.paint(Color::Dim, &done)));
        lines
    }

    /// `          3 of 11 RUN sql view model main.a ............ [2.4s]`, never wider than the screen.
    fn node_line(&self, node: &Running, size: Size) -> String {
        let elapsed = elapsed(node.since.elapsed());
        let Position { index, total } = node.position;
        let mut text = format!("          {index} of {total} RUN {} ", node.label);
        let room = size.columns.saturating_sub(elapsed.len() + 4).min(self.style.width + 10);
        let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
        while width(&text) > room && text.pop().is_some() {}
        let dots = room.saturating_sub(width(&text));
        text.extend(std::iter::repeat_n('.', dots));
        format!("{text} [{}]", self.style.paint(Color::Blue, &elapsed))
    }
}

fn elapsed(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        seconds => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        /// What a person sees: cursor up and erase to the end are obeyed.
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let mut lines: Vec<String> = vec![String::new()];
            let mut rest = text.as_str();
            while !rest.is_empty() {
                if let Some(code) = rest.strip_prefix("\x1b[") {
                    let end = code.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    match &code[end..=end] {
                        "A" => lines.truncate(lines.len() - code[..end].parse::<usize>().unwrap()),
                        "J" => *lines.last_mut().unwrap() = String::new(),
                        other => panic!("unexpected code {other}"),
                    }
                    rest = &code[end + 1..];
                } else if let Some(after) = rest.strip_prefix('\n') {
                    lines.push(String::new());
                    rest = after;
                } else {
                    let character = rest.chars().next().unwrap();
                    if character != '\r' {
                        lines.last_mut().unwrap().push(character);
                    }
                    rest = &rest[character.len_utf8()..];
                }
            }
            lines
        }
    }

    const STYLE: Style = Style { colors: false, width: 40, quiet: false };

    #[test]
    fn lines_stay_above_the_nodes_that_run() {
        let screen = Screen::default();
        let mut terminal = Terminal::new(Box::new(screen.clone()), STYLE, Some(|| Size { columns: 60, rows: 24 }));
        terminal.start("model.a", "view a", Position { index: 1, total: 2 });
        terminal.start("model.b", "view 한글", Position { index: 2, total: 2 });
        terminal.print("first");
        terminal.finish("model.a", true);
        terminal.print("second");
        assert_eq!(
            screen.lines(),
            [
                "first",
                "second",
                "          2 of 2 RUN view 한글 ................... [0.0s]",
                "          1 of 2 done, 1 running, 1 failed",
                ""
            ]
        );
        terminal.finish("model.b", false);
        terminal.clear();
        assert_eq!(screen.lines(), ["first", "second", ""]);
    }

    #[test]
    fn an_area_line_is_never_wider_than_the_screen() {
        let screen = Screen::default();
        let mut terminal = Terminal::new(Box::new(screen.clone()), STYLE, Some(|| Size { columns: 30, rows: 24 }));
        terminal.start("model.a", &"long ".repeat(30), Position { index: 1, total: 2 });
        terminal.refresh();
        assert!(screen.lines().iter().take(1).all(|line| line.chars().count() <= 30), "{:?}", screen.lines());
    }

    #[test]
    fn a_reader_that_went_away_silences_the_output() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut terminal = Terminal::new(Box::new(Gone), STYLE, None);
        terminal.print("a");
        terminal.print("b");
        assert!(terminal.closed);
    }

    #[test]
    fn without_a_terminal_nothing_but_lines_is_written() {
        let screen = Screen::default();
        let mut terminal = Terminal::new(Box::new(screen.clone()), STYLE, None);
        terminal.start("model.a", "view a", Position { index: 1, total: 2 });
        terminal.refresh();
        terminal.print("only");
        terminal.clear();
        assert_eq!(screen.lines(), ["only", ""]);
    }
}
