//! A throw-away PostgreSQL server for tests of this process: started when first asked for, on a
//! free port, by `postgres.sh`, which stops it when this process ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// The user that may do everything, and its password.
pub const USER: &str = "tform";
pub const PASSWORD: &str = "secret";

pub struct Server {
    pub port: u16,
    /// Holds the socket, `server.crt`, `client.crt` and `client.key`.
    pub folder: PathBuf,
    /// While its standard input is open, the server runs.
    _child: Child,
}

static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(Server::start);

/// The server of this process.
pub fn server() -> Result<&'static Server, String> {
    SERVER.as_ref().map_err(Clone::clone)
}

impl Server {
    /// A server; who wants to do harm to one takes it for himself.
    pub fn start() -> Result<Server, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        drop(listener);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/postgres.sh");
        let mut child = Command::new(script)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        match line.trim().strip_prefix("ready ") {
            Some(folder) => Ok(Server { port, folder: PathBuf::from(folder), _child: child }),
            None => Err("PostgreSQL did not start; install Debian's `postgresql`".to_owned()),
        }
    }
}
