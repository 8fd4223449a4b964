//! Serves the site to a browser: GET and HEAD of the site's own files, nothing else.
//!
//! A small HTTP/1.1 server on the standard library, one connection per request. It answers
//! names that it knows below the folder and nothing that leads out of it, so that compiled
//! code, logs and databases beside the site stay private. On a loopback address it refuses
//! other host names, which keeps foreign pages from reading it through DNS. Pages reload
//! when the site is written anew, by a script that waits for its answer.
//! Source: RFC 9112, docs.getdbt.com/reference/commands/cmd-docs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::docs::{FOLDER, INDEX, STATIC_INDEX};

/// Files beside the site that its readers ask for.
const FILES: &[&str] = &[
    INDEX,
    STATIC_INDEX,
    "manifest.json",
    "catalog.json",
    "run_results.json",
    "sources.json",
    "semantic_manifest.json",
];
/// Folders of which everything is served.
const FOLDERS: &[&str] = &[FOLDER, "assets"];

/// The script that begins to listen for changes once the page is there.
const RELOAD: &str = "/__tform/reload.js";
/// The script that is answered when the site has changed.
const CHANGED: &str = "/__tform/changed.js";
/// How long a page's question for changes is kept open.
const WAIT: Duration = Duration::from_secs(20);
const LONGEST_HEAD: u64 = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_CONNECTIONS: usize = 64;

/// Answers requests on the listener from `folder`, each on a thread of its own, until the process ends.
pub fn run(listener: TcpListener, folder: PathBuf) {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let server = Arc::new(Server { folder, loopback, connections: AtomicUsize::new(0) });
    for stream in listener.incoming().flatten() {
        if server.connections.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            server.connections.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let server = server.clone();
        std::thread::spawn(move || {
            // A browser that went away needs no answer.
            drop(server.answer(stream));
            server.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

struct Server {
    folder: PathBuf,
    loopback: bool,
    connections: AtomicUsize,
}

/// What a browser asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    head_only: bool,
    path: String,
    query: String,
    host: Option<String>,
}

enum Answer {
    File(PathBuf, &'static str),
    Text(String, &'static str),
    Refused(&'static str),
}

impl Server {
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = BufReader::new((&stream).take(LONGEST_HEAD));
        let (answer, head_only) = match request(&mut head)? {
            Err(refused) => (Answer::Refused(refused), false),
            Ok(request) if self.loopback && !is_loopback_name(request.host.as_deref()) => {
                (Answer::Refused("421 Misdirected Request"), request.head_only)
            }
            Ok(request) => (self.respond(&request), request.head_only),
        };
        match answer {
            Answer::Refused(status) => send(&mut stream, status, "text/plain", status.as_bytes(), head_only),
            Answer::Text(text, kind) => send(&mut stream, "200 OK", kind, text.as_bytes(), head_only),
            Answer::File(path, kind) => {
                let mut file = File::open(path)?;
                header(&mut stream, "200 OK", kind, file.metadata()?.len())?;
                if !head_only {
                    io::copy(&mut file, &mut stream)?;
                }
                stream.flush()
            }
        }
    }

    fn respond(&self, request: &Request) -> Answer {
        // What came from outside goes back into a script as digits only.
        let seen: String = request.query.chars().filter(char::is_ascii_digit).collect();
        if request.path == RELOAD {
            let script = format!("addEventListener('load', () => setTimeout(() => {}, 100))\n", listen(&seen));
            return Answer::Text(script, "text/javascript; charset=utf-8");
        }
        if request.path == CHANGED {
            return Answer::Text(self.wait_for_change(&seen), "text/javascript; charset=utf-8");
        }
        let Some(path) = resolve(&self.folder, &request.path) else { return Answer::Refused("404 Not Found") };
        if path.file_name().is_some_and(|name| name == INDEX)
            && let Ok(page) = fs::read_to_string(&path)
        {
            let script = format!("<script src=\"{RELOAD}?{}\"></script>\n</body>", self.stamp());
            return Answer::Text(page.replacen("</body>", &script, 1), content_type(&path));
        }
        let kind = content_type(&path);
        Answer::File(path, kind)
    }

    /// When the site was written, as a word.
    fn stamp(&self) -> String {
        let modified = fs::metadata(self.folder.join(INDEX)).and_then(|data| data.modified());
        let since = modified.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or_else(String::new, |since| since.as_millis().to_string())
    }

    /// A script that reloads the page once the site is another than `seen`, or asks again.
    fn wait_for_change(&self, seen: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < WAIT {
            let stamp = self.stamp();
            if !stamp.is_empty() && stamp != seen {
                return "location.reload()\n".to_owned();
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        format!("{}\n", listen(seen))
    }
}

/// An expression that asks for changes since `seen`, without keeping the page from being done.
fn listen(seen: &str) -> String {
    format!("document.body.append(Object.assign(document.createElement('script'), {{src: '{CHANGED}?{seen}'}}))")
}

/// Reads a request's head; what is no GET or HEAD is refused by the inner error.
pub(super) fn request(head: &mut impl BufRead) -> io::Result<Result<Request, &'static str>> {
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(Err("400 Bad Request"));
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Ok(Err("400 Bad Request"));
    }
    if method != "GET" && method != "HEAD" {
        return Ok(Err("405 Method Not Allowed"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request =
        Request { head_only: method == "HEAD", path: path.to_owned(), query: query.to_owned(), host: None };
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(Err("431 Request Header Fields Too Large"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Ok(request));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            request.host = Some(value.trim().to_owned());
        }
    }
}

/// The file that a request's path means; `None` for whatever is not the site's.
pub(super) fn resolve(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decoded(path.strip_prefix('/')?)?;
    let path = if path.is_empty() { INDEX } else { &path };
    let parts: Vec<&str> = path.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    if !parts.iter().all(plain) {
        return None;
    }
    let known = match parts.as_slice() {
        [file] => FILES.contains(file),
        [first, ..] => FOLDERS.contains(first),
        [] => false,
    };
    if !known {
        return None;
    }
    // Links may lead anywhere; what they lead to must be inside.
    let (root, file) = (folder.canonicalize().ok()?, folder.join(path).canonicalize().ok()?);
    (file.starts_with(&root) && file.is_file()).then_some(file)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

pub(super) fn is_loopback_name(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        // Images that may hold scripts are only shown as text of their own, never run.
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn header(stream: &mut TcpStream, status: &str, kind: &str, length: u64) -> io::Result<()> {
    let sandbox = if kind == "image/svg+xml" { "Content-Security-Policy: default-src 'none'; sandbox\r\n" } else { "" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\
         Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n{sandbox}\r\n"
    )
}

fn send(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8], head_only: bool) -> io::Result<()> {
    header(stream, status, kind, body.len() as u64)?;
    if !head_only {
        stream.write_all(body)?;
    }
    stream.flush()
}
