//! A server in front of a PostgreSQL server: it hands statements on, changed or not, refuses
//! them, or drops the connection around them, as a [`Manner`] says.
//!
//! One thread serves one session, in turns: the client's message, then all of the server's answer.
//! PostgreSQL's protocol, version 3: postgresql.org/docs/current/protocol-message-formats.html.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What becomes of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    Send(Script),
    /// The server refuses it with these words.
    Refuse {
        code: &'static str,
        message: String,
        detail: String,
    },
    /// The connection breaks before the server has heard it.
    CloseBefore,
    /// The connection breaks after the server has done it, before the client hears so.
    CloseAfter(Script),
}

/// A statement as the server hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub sql: String,
    /// Said to the server afterwards, if it went well; the client hears nothing of it.
    pub after: Vec<String>,
    /// What the client hears in place of the server's command tag.
    pub tag: Option<&'static str>,
}

impl Script {
    /// The statement as it is.
    pub fn plain(sql: &str) -> Script {
        Script { sql: sql.to_owned(), after: Vec::new(), tag: None }
    }
}

/// What the manner knows of a session.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    pub in_transaction: bool,
    /// The statement is only described, not run.
    pub describes: bool,
}

/// How a proxy behaves.
pub trait Manner: Send + Sync + 'static {
    /// Start-up parameters beside those of the client.
    fn parameters(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    /// A client asks to cancel what one of its sessions does.
    fn cancelled(&self) {}

    /// What becomes of a statement. Blocking here stalls the session.
    fn turn(&self, session: Session, sql: &str) -> Turn;
}

/// A running proxy; it serves until the process ends.
pub struct Proxy {
    pub port: u16,
    open: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a free port, in front of the server on `upstream` of this machine.
    pub fn start(upstream: u16, manner: Arc<dyn Manner>) -> Result<Proxy, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = open.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (manner, counter) = (manner.clone(), counter.clone());
                counter.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    // How a session ends is seen by whoever uses it.
                    let _ = serve(client, upstream, manner.as_ref());
                    counter.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Proxy { port, open })
    }

    /// How many sessions are served.
    pub fn sessions(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// One end of a session.
struct End {
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
}

impl End {
    fn new(socket: TcpStream) -> io::Result<End> {
        socket.set_nodelay(true)?;
        Ok(End { reader: BufReader::new(socket.try_clone()?), writer: BufWriter::new(socket) })
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.reader.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length.saturating_sub(4)];
        self.reader.read_exact(&mut body)?;
        Ok((head[0], body))
    }

    fn say(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        self.writer.write_all(&[kind])?;
        self.writer.write_all(&(body.len() as u32 + 4).to_be_bytes())?;
        self.writer.write_all(body)
    }

    fn query(&mut self, sql: &str) -> io::Result<()> {
        self.say(b'Q', &[sql.as_bytes(), &[0]].concat())?;
        self.writer.flush()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
    }
}

fn startup(socket: &mut TcpStream) -> io::Result<(u32, Vec<u8>)> {
    loop {
        let mut head = [0; 8];
        socket.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let code = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let mut body = vec![0; length.saturating_sub(8)];
        socket.read_exact(&mut body)?;
        match code {
            // No encryption here.
            SSL_REQUEST | GSS_REQUEST => socket.write_all(b"N")?,
            _ => return Ok((code, body)),
        }
    }
}

fn serve(mut client: TcpStream, upstream: u16, manner: &dyn Manner) -> io::Result<()> {
    let (code, mut body) = startup(&mut client)?;
    let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
    let request =
        |code: u32, body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], &code.to_be_bytes()[..], body].concat();
    if code == CANCEL_REQUEST {
        server.write_all(&request(code, &body))?;
        manner.cancelled();
        return server.read_to_end(&mut Vec::new()).map(drop);
    }
    body.pop();
    for (name, value) in manner.parameters() {
        body.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
    }
    body.push(0);
    server.write_all(&request(code, &body))?;
    let relay = Relay { client: End::new(client)?, server: End::new(server)?, status: b'I' };
    relay.run(manner)
}

/// What the answer to a message was.
struct Heard {
    failed: bool,
    status: u8,
}

struct Relay {
    client: End,
    server: End,
    status: u8,
}

impl Relay {
    fn run(mut self, manner: &dyn Manner) -> io::Result<()> {
        self.authenticate()?;
        // After a refusal, messages up to the next sync go nowhere.
        let mut skips = false;
        loop {
            let (kind, body) = self.client.message()?;
            match kind {
                b'Q' => {
                    let sql = text(&body);
                    let turn = manner.turn(Session { in_transaction: self.status != b'I', describes: false }, &sql);
                    if !self.query(turn)? {
                        return Ok(());
                    }
                }
                b'P' if !skips => {
                    let name_end = body.iter().position(|byte| *byte == 0).unwrap_or(0);
                    let sql = text(&body[name_end + 1..]);
                    let rest = &body[name_end + 1 + sql.len() + 1..];
                    match manner.turn(Session { in_transaction: self.status != b'I', describes: true }, &sql) {
                        Turn::Send(script) => {
                            let parts = [&body[..=name_end], script.sql.as_bytes(), &[0], rest];
                            self.server.say(b'P', &parts.concat())?;
                        }
                        Turn::Refuse { code, message, detail } => {
                            self.refuse(code, &message, &detail)?;
                            skips = true;
                        }
                        Turn::CloseBefore | Turn::CloseAfter(_) => return Ok(()),
                    }
                }
                b'S' => {
                    skips = false;
                    self.server.say(b'S', &body)?;
                    self.server.writer.flush()?;
                    let heard = self.hear(None, |_| true)?;
                    self.ready(heard.status)?;
                }
                b'X' => {
                    self.server.say(kind, &body)?;
                    return self.server.writer.flush();
                }
                _ if skips => {}
                _ => self.server.say(kind, &body)?,
            }
        }
    }

    /// Passes everything on until the session is ready.
    fn authenticate(&mut self) -> io::Result<()> {
        loop {
            let (kind, body) = self.server.message()?;
            self.client.say(kind, &body)?;
            let code = body.get(..4).map_or(0, |code| u32::from_be_bytes([code[0], code[1], code[2], code[3]]));
            match kind {
                b'Z' => return self.client.writer.flush(),
                // Ok and the last word of SASL need no answer.
                b'R' if code != 0 && code != 12 => {
                    self.client.writer.flush()?;
                    let (kind, body) = self.client.message()?;
                    self.server.say(kind, &body)?;
                    self.server.writer.flush()?;
                }
                b'E' => {
                    self.client.writer.flush()?;
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                _ => {}
            }
        }
    }

    /// Gives false where the connection is to break.
    fn query(&mut self, turn: Turn) -> io::Result<bool> {
        let script = match turn {
            Turn::CloseBefore => return Ok(false),
            Turn::CloseAfter(script) => {
                self.server.query(&script.sql)?;
                let mut failed = self.hear(None, |_| false)?.failed;
                for sql in script.after {
                    if !failed {
                        self.server.query(&sql)?;
                        failed = self.hear(None, |_| false)?.failed;
                    }
                }
                return Ok(false);
            }
            Turn::Refuse { code, message, detail } => {
                let heard = self.refuse(code, &message, &detail)?;
                self.ready(heard.status)?;
                return Ok(true);
            }
            Turn::Send(script) => script,
        };
        self.server.query(&script.sql)?;
        let mut heard = self.hear(script.tag, |_| true)?;
        for sql in &script.after {
            if heard.failed {
                break;
            }
            self.server.query(sql)?;
            heard = self.hear(None, |kind| kind == b'E')?;
        }
        self.ready(heard.status)?;
        Ok(true)
    }

    /// The server refuses something, so that its transaction is what it would be; the words are ours.
    fn refuse(&mut self, code: &str, message: &str, detail: &str) -> io::Result<Heard> {
        self.server.query("do $refusal$ begin raise exception 'refused'; end $refusal$")?;
        let heard = self.hear(None, |_| false)?;
        let mut fields = Vec::new();
        for (field, value) in [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', code), (b'M', message), (b'D', detail)] {
            if !value.is_empty() {
                fields.extend([&[field], value.as_bytes(), &[0]].concat());
            }
        }
        fields.push(0);
        self.client.say(b'E', &fields)?;
        Ok(heard)
    }

    fn ready(&mut self, status: u8) -> io::Result<()> {
        self.status = status;
        self.client.say(b'Z', &[status])?;
        self.client.writer.flush()
    }

    /// Hears the server out, up to its being ready; hands on the messages of the kinds that `passes`.
    fn hear(&mut self, tag: Option<&str>, passes: impl Fn(u8) -> bool) -> io::Result<Heard> {
        let mut failed = false;
        loop {
            let (kind, body) = match self.server.message() {
                Ok(message) => message,
                Err(error) => {
                    // The client hears the server's last words.
                    self.client.writer.flush()?;
                    return Err(error);
                }
            };
            failed |= kind == b'E';
            match (kind, tag) {
                (b'Z', _) => return Ok(Heard { failed, status: body[0] }),
                (b'C', Some(tag)) => self.client.say(b'C', &[tag.as_bytes(), &[0]].concat())?,
                _ if passes(kind) => self.client.say(kind, &body)?,
                _ => {}
            }
            if kind == b'G' {
                if !passes(kind) {
                    // Nobody would send the rows.
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                self.client.writer.flush()?;
                loop {
                    let (kind, body) = self.client.message()?;
                    self.server.say(kind, &body)?;
                    if matches!(kind, b'c' | b'f') {
                        break;
                    }
                }
                self.server.writer.flush()?;
            }
        }
    }
}

/// The text up to its zero byte.
fn text(body: &[u8]) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    String::from_utf8_lossy(&body[..end]).into_owned()
}
