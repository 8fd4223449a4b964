//! Encryption of a connection, and what proves the server.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, InconsistentKeys, RootCertStore,
    SignatureScheme,
};

use super::settings::{SslMode, Tls};
use crate::adapter::AdapterError;

/// Files in which systems keep the authorities that they trust.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// An encrypted socket.
pub type TlsStream = rustls::StreamOwned<ClientConnection, TcpStream>;

/// Encrypts a socket, after the server agreed to it.
///
/// # Errors
/// If the profile's files cannot be read, the handshake fails, or the server is not proven.
pub fn encrypt(socket: TcpStream, host: &str, settings: &Tls) -> Result<TlsStream, AdapterError> {
    let config = config(settings)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| AdapterError::connection(format!("`host: {host}` is no name that a certificate could have")))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| refused(host, &error))?;
    let mut stream = TlsStream::new(connection, socket);
    stream.conn.complete_io(&mut stream.sock).map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => refused(host, inner),
            None => AdapterError::connection(format!("SSL error with server \"{host}\": {error}")),
        }
    })?;
    Ok(stream)
}

fn refused(host: &str, error: &rustls::Error) -> AdapterError {
    let said = |what: &str| AdapterError::connection(format!("SSL error with server \"{host}\": {what}"));
    let rustls::Error::InvalidCertificate(reason) = error else { return said(&error.to_string()) };
    const SIGNED: &str = "name the file of the authority that signed the server's certificate by `sslrootcert`";
    match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => said(&error.to_string())
            .with_hint("`sslmode: verify-full` wants a certificate that names `host`; `verify-ca` does not"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => said(&error.to_string())
            .with_hint("the server needs another certificate; `sslmode: require` asks for no proof"),
        // One that signs for itself is told apart only by its name.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            said("nobody that is trusted here has signed its certificate but itself").with_hint(SIGNED)
        }
        _ => said(&error.to_string()).with_hint(SIGNED),
    }
}

fn config(settings: &Tls) -> Result<ClientConfig, AdapterError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| AdapterError::connection(format!("SSL cannot be used: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(settings, &provider)?));
    let (certificate, key) = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(builder.with_no_client_auth()),
        (certificate, _) => {
            let (given, missing) = if certificate.is_some() { ("sslcert", "sslkey") } else { ("sslkey", "sslcert") };
            return Err(AdapterError::connection(format!(
                "`{given}` of the target in `profiles.yml` needs `{missing}`"
            )));
        }
    };
    let chain = certificates(certificate, "sslcert")?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", key, &error))?;
    let unfit = |error: &rustls::Error| {
        AdapterError::connection(format!("`sslcert` and `sslkey` of the profile do not fit one another: {error}"))
    };
    let own = CertifiedKey::new(chain, provider.key_provider.load_private_key(key).map_err(|error| unfit(&error))?);
    // Certificates of the first version, which openssl makes where nobody asks for another, cannot be compared.
    if let Err(error @ rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = own.keys_match() {
        return Err(unfit(&error));
    }
    Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))))
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, AdapterError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(key, path, &error))?.collect();
    let found = found.map_err(|error| unreadable(key, path, &error))?;
    if found.is_empty() {
        return Err(AdapterError::connection(format!("`{key}: {}` holds no certificate", path.display())));
    }
    Ok(found)
}

fn unreadable(key: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> AdapterError {
    AdapterError::connection(format!("`{key}: {}` cannot be read: {error}", path.display()))
}

/// The authorities to trust: the profile's, or else this machine's and the public ones.
fn roots(settings: &Tls) -> Result<RootCertStore, AdapterError> {
    let mut store = RootCertStore::empty();
    match settings.root_certificates.as_deref().filter(|path| *path != Path::new("system")) {
        Some(path) => {
            store.add_parsable_certificates(certificates(path, "sslrootcert")?);
        }
        None => {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
            let bundles = named.into_iter().chain(SYSTEM_BUNDLES.iter().map(std::path::PathBuf::from));
            if let Some(bundle) = bundles.into_iter().find(|path| path.is_file()) {
                store.add_parsable_certificates(certificates(&bundle, "SSL_CERT_FILE")?);
            }
        }
    }
    Ok(store)
}

/// Proves as much as `sslmode` asks for.
#[derive(Debug)]
struct Verifier {
    /// `None` where any certificate will do.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    checks_name: bool,
    /// Certificates that are trusted as they stand, even where they sign for nobody else.
    own: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(settings: &Tls, provider: &Arc<CryptoProvider>) -> Result<Verifier, AdapterError> {
        let proven = match settings.mode {
            SslMode::VerifyCa | SslMode::VerifyFull => true,
            // As libpq: whoever names authorities wants them to count.
            SslMode::Require => settings.root_certificates.is_some(),
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => false,
        };
        let authorities = if proven {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(settings)?), provider.clone());
            Some(verifier.build().map_err(|error| {
                AdapterError::connection(format!("no authority is known to prove the server by: {error}"))
            })?)
        } else {
            None
        };
        let own = match settings.root_certificates.as_deref().filter(|path| proven && *path != Path::new("system")) {
            Some(path) => certificates(path, "sslrootcert")?,
            None => Vec::new(),
        };
        let checks_name = settings.mode == SslMode::VerifyFull;
        Ok(Verifier { authorities, checks_name, own, algorithms: provider.signature_verification_algorithms })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        if self.own.iter().any(|own| own == end_entity) {
            if self.checks_name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether an error of the socket means that its other end is gone.
pub fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}
