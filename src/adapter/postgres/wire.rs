//! The conversation with a server: a socket, messages out of it and into it.
//!
//! PostgreSQL's protocol, version 3 (postgresql.org/docs/current/protocol.html), spoken without
//! waiting machinery: one thread owns a connection and blocks while the server works.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{Message, SaslMechanisms};
use postgres_protocol::message::frontend;

use super::server_error::ServerError;
use super::settings::Settings;
use super::tls::{TlsStream, is_closed};
use crate::adapter::AdapterError;

/// How much is read from the socket at once.
const CHUNK: usize = 64 * 1024;
/// Notices that are kept until somebody asks; further ones of one statement are dropped.
const MOST_NOTICES: usize = 100;

/// What carries the bytes.
pub enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    Local(UnixStream),
}

impl Socket {
    pub fn set_read_timeout(&self, timeout: Option<std::time::Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_read_timeout(timeout),
            Socket::Tls(stream) => stream.sock.set_read_timeout(timeout),
            Socket::Local(socket) => socket.set_read_timeout(timeout),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        matches!(self, Socket::Tls(_))
    }

    /// Something by which another thread can cut the connection.
    pub fn cutter(&self) -> Option<Cutter> {
        match self {
            Socket::Tcp(socket) => socket.try_clone().ok().map(Cutter::Tcp),
            Socket::Tls(stream) => stream.sock.try_clone().ok().map(Cutter::Tcp),
            Socket::Local(socket) => socket.try_clone().ok().map(Cutter::Local),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.read(buffer),
            Socket::Tls(stream) => stream.read(buffer),
            Socket::Local(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(buffer),
            Socket::Tls(stream) => stream.write(buffer),
            Socket::Local(socket) => socket.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.flush(),
            Socket::Tls(stream) => stream.flush(),
            Socket::Local(socket) => socket.flush(),
        }
    }
}

/// Ends a connection from outside: what waits on it fails at once.
pub enum Cutter {
    Tcp(TcpStream),
    Local(UnixStream),
}

impl Cutter {
    pub fn cut(&self) {
        // One that is closed already is what was wanted.
        let _ = match self {
            Cutter::Tcp(socket) => socket.shutdown(Shutdown::Both),
            Cutter::Local(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

/// What a cancel request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendKey {
    pub process_id: i32,
    pub secret: i32,
}

/// Whether a transaction is open on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Idle,
    InTransaction,
    /// It takes nothing but a rollback.
    Failed,
}

/// A conversation after its beginning.
pub struct Wire {
    pub socket: Socket,
    incoming: BytesMut,
    pub outgoing: BytesMut,
    pub status: Status,
    pub key: Option<BackendKey>,
    pub server_version: String,
    notices: Vec<ServerError>,
    /// Nothing more can be said or heard.
    pub is_broken: bool,
}

/// Why a conversation did not begin.
pub enum Refusal {
    Server(Box<ServerError>),
    Other(AdapterError),
}

impl From<AdapterError> for Refusal {
    fn from(error: AdapterError) -> Refusal {
        Refusal::Other(error)
    }
}

impl Wire {
    /// Introduces ourselves, proves who we are, and waits until the server is ready.
    pub fn start(socket: Socket, settings: &Settings, parameters: &[(&str, &str)]) -> Result<Wire, Refusal> {
        let mut wire = Wire {
            socket,
            incoming: BytesMut::with_capacity(CHUNK),
            outgoing: BytesMut::new(),
            status: Status::Idle,
            key: None,
            server_version: String::new(),
            notices: Vec::new(),
            is_broken: false,
        };
        frontend::startup_message(parameters.iter().copied(), &mut wire.outgoing).map_err(|error| wrong(&error))?;
        wire.send()?;
        wire.authenticate(settings)?;
        loop {
            match wire.next()? {
                Message::BackendKeyData(body) => {
                    wire.key = Some(BackendKey { process_id: body.process_id(), secret: body.secret_key() });
                }
                Message::ReadyForQuery(_) => return Ok(wire),
                Message::ErrorResponse(body) => {
                    return Err(Refusal::Server(Box::new(ServerError::read(body.fields()))));
                }
                _ => {}
            }
        }
    }

    fn authenticate(&mut self, settings: &Settings) -> Result<(), Refusal> {
        loop {
            match self.next()? {
                Message::AuthenticationOk => return Ok(()),
                Message::AuthenticationCleartextPassword => self.password(settings.password.as_bytes())?,
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(settings.user.as_bytes(), settings.password.as_bytes(), body.salt());
                    self.password(hash.as_bytes())?;
                }
                Message::AuthenticationSasl(body) => self.scram(body.mechanisms(), settings)?,
                Message::ErrorResponse(body) => {
                    return Err(Refusal::Server(Box::new(ServerError::read(body.fields()))));
                }
                _ => {
                    return Err(AdapterError::connection(
                        "the server asks for a way of authentication that tform does not have (Kerberos, SSPI)",
                    )
                    .into());
                }
            }
        }
    }

    fn password(&mut self, password: &[u8]) -> Result<(), AdapterError> {
        frontend::password_message(password, &mut self.outgoing).map_err(|error| wrong(&error))?;
        self.send()
    }

    fn scram(&mut self, mut mechanisms: SaslMechanisms<'_>, settings: &Settings) -> Result<(), Refusal> {
        let known = mechanisms.any(|name| Ok(name == sasl::SCRAM_SHA_256)).map_err(|error| wrong(&error))?;
        if !known {
            let message = "the server knows no way of authentication that tform has";
            return Err(AdapterError::connection(message).into());
        }
        let mut scram = sasl::ScramSha256::new(settings.password.as_bytes(), sasl::ChannelBinding::unsupported());
        frontend::sasl_initial_response(sasl::SCRAM_SHA_256, scram.message(), &mut self.outgoing)
            .map_err(|error| wrong(&error))?;
        self.send()?;
        loop {
            match self.next()? {
                Message::AuthenticationSaslContinue(body) => {
                    scram.update(body.data()).map_err(|error| wrong(&error))?;
                    frontend::sasl_response(scram.message(), &mut self.outgoing).map_err(|error| wrong(&error))?;
                    self.send()?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    scram.finish(body.data()).map_err(|error| wrong(&error))?;
                    return Ok(());
                }
                Message::ErrorResponse(body) => {
                    return Err(Refusal::Server(Box::new(ServerError::read(body.fields()))));
                }
                _ => return Err(unexpected().into()),
            }
        }
    }

    /// Sends what was put into `outgoing`.
    pub fn send(&mut self) -> Result<(), AdapterError> {
        let result = self.socket.write_all(&self.outgoing).and_then(|()| self.socket.flush());
        self.outgoing.clear();
        result.map_err(|error| self.lost(&error))
    }

    /// The next message that is an answer; remarks on the way are kept.
    pub fn next(&mut self) -> Result<Message, AdapterError> {
        loop {
            match Message::parse(&mut self.incoming) {
                Ok(Some(Message::ParameterStatus(body))) => {
                    if body.name().is_ok_and(|name| name == "server_version") {
                        body.value().unwrap_or_default().clone_into(&mut self.server_version);
                    }
                }
                Ok(Some(Message::NoticeResponse(body))) => {
                    if self.notices.len() < MOST_NOTICES {
                        self.notices.push(ServerError::read(body.fields()));
                    }
                }
                Ok(Some(Message::NotificationResponse(_))) => {}
                Ok(Some(Message::ReadyForQuery(body))) => {
                    self.status = match body.status() {
                        b'T' => Status::InTransaction,
                        b'E' => Status::Failed,
                        _ => Status::Idle,
                    };
                    return Ok(Message::ReadyForQuery(body));
                }
                Ok(Some(message)) => return Ok(message),
                Ok(None) => self.fill()?,
                Err(error) => {
                    self.is_broken = true;
                    return Err(wrong(&error));
                }
            }
        }
    }

    fn fill(&mut self) -> Result<(), AdapterError> {
        let known = self.incoming.len();
        self.incoming.resize(known + CHUNK, 0);
        let read = loop {
            match self.socket.read(&mut self.incoming[known..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.incoming.truncate(known + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) => Err(self.lost(&error)),
        }
    }

    fn lost(&mut self, error: &io::Error) -> AdapterError {
        self.is_broken = true;
        AdapterError::connection(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the server does not answer: timeout".to_owned(),
            _ if is_closed(error) => "server closed the connection unexpectedly".to_owned(),
            _ => format!("the connection to the server is lost: {error}"),
        })
    }

    /// What the server remarked since the last time.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if !self.is_broken {
            self.outgoing.clear();
            frontend::terminate(&mut self.outgoing);
            let _ = self.send();
        }
    }
}

fn wrong(error: &io::Error) -> AdapterError {
    AdapterError::connection(format!("the server's answer is not understood: {error}"))
}

pub fn unexpected() -> AdapterError {
    AdapterError::connection("the server's answer is not one that belongs here")
}
