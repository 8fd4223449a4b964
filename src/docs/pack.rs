//! How the site's files are wrapped: packed data, scripts, the pages and their content policy.
//!
//! A document is JSON, compressed (gzip) and written in base64: browsers unpack it with
//! `DecompressionStream`, and nothing that a project says can end a script or a string.

use std::fmt::Write as _;
use std::io::BufWriter;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The site's program and style, built by `docs_site/build.mjs`.
pub(super) const PROGRAM: &str = include_str!("../../docs_site/dist/app.js");
pub(super) const STYLE: &str = include_str!("../../docs_site/dist/app.css");

/// So many bytes of packed data stand in the page itself; beyond, it loads them as it needs them.
const MOST_HELD: usize = 3_000_000;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let sextet = (word >> (18 - 6 * at)) & 63;
            text.push(if at <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    text
}

/// A document as JSON, compressed, in base64.
pub(super) fn packed<T: Serialize + ?Sized>(document: &T) -> std::io::Result<String> {
    // Harder compression takes twice the time for a tenth of the bytes.
    let encoder = GzEncoder::new(Vec::new(), Compression::new(4));
    let mut buffer = BufWriter::with_capacity(1 << 15, encoder);
    serde_json::to_writer(&mut buffer, document)?;
    let encoder = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    Ok(base64(&encoder.finish()?))
}

/// A classic script that hands a packed document over. Names are ours, base64 needs no escapes.
pub(super) fn script(name: &str, packed: &str) -> String {
    format!("__tform.load(\"{name}\",\"{packed}\")\n")
}

/// A word that changes with the data, so that browsers never mix two sites.
pub(super) fn stamp(data: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for (name, packed) in data {
        hash.update(name.as_bytes());
        hash.update(packed.as_bytes());
    }
    hash.update(PROGRAM.as_bytes());
    hash.update(STYLE.as_bytes());
    hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn head(title: &str, policy: &str, stamp: Option<&str>) -> String {
    let stamp = stamp.map(|stamp| format!(" data-stamp=\"?{stamp}\"")).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\"{stamp}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n",
        escaped(title)
    )
}

const BODY: &str = "<body>\n<div id=\"app\"></div>\n<noscript>This page draws the project's documentation with \
                    JavaScript, which is switched off in this browser.</noscript>\n";

/// The page of the folder: the program, the index and, as long as they are small, all other data. So
/// it works where only `index.html` is carried along, as programs do that know dbt's page. What it
/// does not hold it loads from the folder. Nothing from elsewhere, no connections at all.
pub(super) fn page(title: &str, stamp: &str, data: &[(String, String)]) -> String {
    let bytes: usize = data.iter().map(|(_, packed)| packed.len()).sum();
    // `'self'` alone does not cover files beside a page that was opened from disk in every browser.
    let policy = Policy { script: "'self' file: ", style: "", image: "'self' file: " };
    let held = if bytes <= MOST_HELD { data } else { data.get(..1).unwrap_or_default() };
    whole(title, Some(stamp), &policy, held)
}

/// One page with everything in it.
pub(super) fn one_page(title: &str, data: &[(String, String)]) -> String {
    whole(title, None, &Policy { script: "", style: "", image: "" }, data)
}

/// What a page may load beside what it holds.
struct Policy {
    script: &'static str,
    style: &'static str,
    image: &'static str,
}

/// A page with its program, style and data in it; what may run is named by its hash.
fn whole(title: &str, stamp: Option<&str>, policy: &Policy, data: &[(String, String)]) -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    let Policy { script, style, image } = policy;
    let policy = format!(
        "default-src 'none'; script-src {script}{}; style-src {style}{}; img-src {image}data: blob:; \
         base-uri 'none'; form-action 'none'",
        hash(PROGRAM),
        hash(STYLE)
    );
    let mut page = head(title, &policy, stamp);
    page.push_str("<link rel=\"icon\" href=\"data:,\">\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n");
    page.push_str(BODY);
    // Blocks of data are no scripts to a browser: it neither runs nor reads them until asked.
    let block = |page: &mut String, (name, packed): &(String, String)| {
        let _ = writeln!(page, "<script type=\"text/plain\" id=\"tform-{name}\">{packed}</script>");
    };
    let (first, others) = data.split_at(1.min(data.len()));
    first.iter().for_each(|it| block(&mut page, it));
    // The program draws while the rest is still read.
    page.push_str("<script>");
    page.push_str(PROGRAM);
    page.push_str("</script>\n");
    others.iter().for_each(|it| block(&mut page, it));
    page.push_str("</body>\n</html>\n");
    page
}
