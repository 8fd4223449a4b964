//! Reaching a server: addresses, encryption as the profile wants it, retries, and the words for
//! what goes wrong, which name the profile's keys.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::server_error::ServerError;
use super::settings::{Keepalive, Settings, SslMode};
use super::tls;
use super::wire::{BackendKey, Cutter, Refusal, Socket, Wire};
use crate::adapter::{AdapterError, Cancel, ErrorKind};

/// A cancel request has to arrive within this time.
const CANCEL_TIME: Duration = Duration::from_secs(5);

/// Opens a conversation; tries again as often as the profile says where that may help.
///
/// # Errors
/// If the server cannot be reached or refuses us.
pub fn open(settings: &Settings, parameters: &[(&str, &str)]) -> Result<Wire, AdapterError> {
    let mut attempt = 0;
    loop {
        match attempt_all(settings, parameters) {
            Err(error) if error.kind == ErrorKind::Retryable => {
                if attempt >= settings.retries {
                    return Err(AdapterError { kind: ErrorKind::Connection, ..error });
                }
                std::thread::sleep(Duration::from_secs(u64::from(attempt * attempt)));
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// Encrypted, then not, or the other way round, as `sslmode` says.
fn attempt_all(settings: &Settings, parameters: &[(&str, &str)]) -> Result<Wire, AdapterError> {
    let ways: &[bool] = match settings.tls.mode {
        _ if settings.host.starts_with('/') => &[false],
        SslMode::Disable => &[false],
        SslMode::Allow => &[false, true],
        SslMode::Prefer => &[true, false],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[true],
    };
    let mut first = None;
    for encrypted in ways {
        let error = match attempt(settings, parameters, *encrypted) {
            Ok(wire) => return Ok(wire),
            Err(Failure::Other(error)) => return Err(first.unwrap_or(error)),
            Err(Failure::OfThisWay(error)) => error,
        };
        first.get_or_insert(error);
    }
    Err(first.unwrap_or_else(|| AdapterError::connection("no way to connect is left")))
}

/// Why an attempt failed.
enum Failure {
    /// The other way, encrypted or not, may do better.
    OfThisWay(AdapterError),
    Other(AdapterError),
}

fn attempt(settings: &Settings, parameters: &[(&str, &str)], encrypted: bool) -> Result<Wire, Failure> {
    let socket = dial(settings, encrypted)?;
    let place = place(settings);
    let timeout = Some(settings.connect_timeout);
    let unusable = |error: std::io::Error| Failure::Other(AdapterError::connection(format!("{place} failed: {error}")));
    socket.set_read_timeout(timeout).map_err(unusable)?;
    match Wire::start(socket, settings, parameters) {
        Ok(wire) => {
            wire.socket.set_read_timeout(None).map_err(unusable)?;
            Ok(wire)
        }
        Err(Refusal::Server(error)) => {
            let refusal = refused(settings, &place, &error);
            Err(if error.is("28000") { Failure::OfThisWay(refusal) } else { Failure::Other(refusal) })
        }
        Err(Refusal::Other(error)) => {
            let message = format!("{place} failed: {}", error.message);
            Err(Failure::Other(AdapterError { message, ..error }))
        }
    }
}

/// The words that stand before what went wrong, as libpq has them.
fn place(settings: &Settings) -> String {
    let Settings { host, port, .. } = settings;
    if host.starts_with('/') {
        return format!("connection to server on socket \"{}\"", socket_path(settings));
    }
    format!("connection to server at \"{host}\", port {port}")
}

fn socket_path(settings: &Settings) -> String {
    format!("{}/.s.PGSQL.{}", settings.host.trim_end_matches('/'), settings.port)
}

fn refused(settings: &Settings, place: &str, error: &ServerError) -> AdapterError {
    let Settings { user, database, .. } = settings;
    let message = format!("{place} failed: {}:  {}", error.severity, error.text(""));
    let kind = if error.is("57P03") || error.is("53300") { ErrorKind::Retryable } else { ErrorKind::Connection };
    let refusal = AdapterError { code: Some(error.code.clone()), ..AdapterError::new(kind, message) };
    match error.code.as_str() {
        "28P01" if user.starts_with("IAM") => refusal.with_hint(format!(
            "`user: {user}` is of temporary credentials, which expire: fetch others, and look at `password` of the target in `profiles.yml`"
        )),
        "28P01" => refusal.with_hint(format!("look at `password` and `user: {user}` of the target in `profiles.yml`")),
        "28000" if error.message.contains("client certificate") => refusal.with_hint(format!(
            "`user: {user}` has to show a certificate: name it and its key by `sslcert` and `sslkey` of the target in `profiles.yml`"
        )),
        "28000" => refusal.with_hint(format!(
            "look at `user: {user}`, `host` and `sslmode` of the target in `profiles.yml`: the server has rules for who may come from where"
        )),
        "3D000" => refusal.with_hint(format!("look at `dbname: {database}` of the target in `profiles.yml`")),
        "53300" => refusal.with_hint("each thread has one connection: lower `threads` of the target"),
        _ => refusal,
    }
}

/// A connected socket, encrypted if it has to be.
fn dial(settings: &Settings, encrypted: bool) -> Result<Socket, Failure> {
    if settings.host.starts_with('/') {
        let path = socket_path(settings);
        let socket = UnixStream::connect(&path).map_err(|error| {
            let message = format!("{} failed: {error}", place(settings));
            let hint = "look at `host` and `port` of the target in `profiles.yml`";
            Failure::Other(AdapterError::new(ErrorKind::Retryable, message).with_hint(hint))
        })?;
        return Ok(Socket::Local(socket));
    }
    let mut socket = dial_addresses(settings).map_err(Failure::Other)?;
    if !encrypted {
        return Ok(Socket::Tcp(socket));
    }
    let lost = |error: std::io::Error| {
        Failure::Other(AdapterError::connection(format!("{} failed: {error}", place(settings))))
    };
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request).map_err(lost)?;
    let mut answer = [0];
    socket.read_exact(&mut answer).map_err(lost)?;
    if answer[0] == b'S' {
        let stream = tls::encrypt(socket, &settings.host, &settings.tls).map_err(Failure::OfThisWay)?;
        return Ok(Socket::Tls(Box::new(stream)));
    }
    if settings.tls.mode == SslMode::Prefer {
        return Ok(Socket::Tcp(socket));
    }
    let message = format!("{} failed: server does not support SSL, but SSL was required", place(settings));
    let hint = "`sslmode` of the target in `profiles.yml` asks for it: `prefer` takes what the server has";
    Err(Failure::Other(AdapterError::connection(message).with_hint(hint)))
}

fn dial_addresses(settings: &Settings) -> Result<TcpStream, AdapterError> {
    let Settings { host, port, .. } = settings;
    let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.strip_prefix("failed to lookup address information: ").unwrap_or(&reason);
        AdapterError::connection(format!("could not translate host name \"{host}\" to address: {reason}"))
            .with_hint("look at `host` of the target in `profiles.yml`")
    })?;
    let mut failures: Vec<String> = Vec::new();
    let until = Instant::now() + settings.connect_timeout;
    for address in addresses {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match TcpStream::connect_timeout(&address, left).and_then(|socket| prepare(&socket, settings).map(|()| socket))
        {
            Ok(socket) => return Ok(socket),
            Err(error) => failures.push(unreachable(settings, address, &error)),
        }
    }
    Err(AdapterError::new(ErrorKind::Retryable, failures.join("\n"))
        .with_hint("look at `host` and `port` of the target in `profiles.yml`"))
}

fn prepare(socket: &TcpStream, settings: &Settings) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(settings.connect_timeout))?;
    let socket = socket2::SockRef::from(socket);
    let Some(Keepalive { idle, interval, count }) = settings.keepalive else { return Ok(()) };
    // Data that nobody takes is as telling as silence.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(idle + interval * count))?;
    let keepalive = socket2::TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(count);
    socket.set_tcp_keepalive(&keepalive)
}

fn unreachable(settings: &Settings, address: SocketAddr, error: &std::io::Error) -> String {
    let Settings { host, port, .. } = settings;
    let at = match host.parse::<IpAddr>() {
        Ok(_) => format!("\"{host}\""),
        Err(_) => format!("\"{host}\" ({})", address.ip()),
    };
    let reason = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?".to_owned()
        }
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => "timeout expired".to_owned(),
        _ => error.to_string(),
    };
    format!("connection to server at {at}, port {port} failed: {reason}")
}

/// Stops what a connection does: by a request beside it, or by cutting it where none arrives.
pub struct CancelRequest {
    settings: Settings,
    key: Option<BackendKey>,
    encrypted: bool,
    cutter: Mutex<Option<Cutter>>,
}

impl CancelRequest {
    pub fn of(wire: &Wire, settings: &Settings) -> CancelRequest {
        let settings = Settings { connect_timeout: settings.connect_timeout.min(CANCEL_TIME), ..settings.clone() };
        let encrypted = wire.socket.is_encrypted();
        CancelRequest { settings, key: wire.key, encrypted, cutter: Mutex::new(wire.socket.cutter()) }
    }

    fn request(&self) -> bool {
        let Some(key) = self.key else { return false };
        let Ok(mut socket) = dial(&self.settings, self.encrypted) else { return false };
        let mut message = BytesMut::new();
        frontend::cancel_request(key.process_id, key.secret, &mut message);
        let sent = socket.write_all(&message).and_then(|()| socket.flush()).is_ok();
        // The server answers by closing, after it has passed the request on.
        let _ = socket.read(&mut [0]);
        sent
    }
}

impl Cancel for CancelRequest {
    fn cancel(&self) {
        if !self.request()
            && let Some(cutter) = self.cutter.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            cutter.cut();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::{Value, json};
    use socket2::SockRef;

    use super::*;

    /// A socket to a server of this process, for a profile with these keys.
    fn socket(keys: Value) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut profile = json!({"host": "127.0.0.1", "port": port, "connect_timeout": 7});
        profile.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        dial_addresses(&Settings::from_profile(profile.as_object().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_silent_socket_is_probed_as_the_profile_says() {
        let cases = [
            (json!({}), Some((60, 10, 6))),
            (json!({"keepalives_idle": 33}), Some((33, 10, 6))),
            (json!({"keepalives_idle": 0}), Some((60, 10, 6))),
            (
                json!({"tcp_keepalive_idle": 20, "tcp_keepalive_interval": 3, "tcp_keepalive_count": 4}),
                Some((20, 3, 4)),
            ),
            (json!({"tcp_keepalive": true, "tcp_keepalive_idle": 5}), Some((5, 10, 6))),
            (json!({"tcp_keepalive": false, "tcp_keepalive_idle": 20}), None),
        ];
        for (keys, expected) in cases {
            let stream = socket(keys.clone());
            let socket = SockRef::from(&stream);
            let found = socket.keepalive().unwrap().then(|| {
                let (idle, interval) = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
                (idle.as_secs(), interval.as_secs(), socket.tcp_keepalive_retries().unwrap())
            });
            assert_eq!(found, expected, "{keys}");
            let longest =
                expected.map(|(idle, interval, count)| Duration::from_secs(idle + interval * u64::from(count)));
            #[cfg(target_os = "linux")]
            assert_eq!(socket.tcp_user_timeout().unwrap(), longest, "{keys}");
            #[cfg(not(target_os = "linux"))]
            let _ = longest;
            assert_eq!(stream.read_timeout().unwrap(), Some(Duration::from_secs(7)));
        }
    }
}
