//! How the site's files are wrapped: packed data, scripts, the pages and their content policy.
//!
//! A document is JSON, compressed (gzip) and written in base64: browsers unpack it with
//! `DecompressionStream`, and nothing that a project says can end a script or a string.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// The site's program and style, built by `docs_site/build.mjs`.
pub(super) const PROGRAM: &str = include_str!("../../docs_site/dist/app.js");
pub(super) const STYLE: &str = include_str!("../../docs_site/dist/app.css");

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

pub(super) fn packed(json: &[u8]) -> std::io::Result<String> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::new(6));
    encoder.write_all(json)?;
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

fn head(title: &str, policy: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n",
        escaped(title)
    )
}

const BODY: &str = "<body>\n<div id=\"app\"></div>\n<noscript>This page draws the project's documentation with \
                    JavaScript, which is switched off in this browser.</noscript>\n";

/// The page of the folder. Nothing from elsewhere, nothing inline, no connections at all.
pub(super) fn page(title: &str, stamp: &str) -> String {
    // `'self'` alone does not cover files beside a page that was opened from disk in every browser.
    let policy = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data: \
                  blob:; base-uri 'none'; form-action 'none'";
    format!(
        "{}<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"site/app.css?{stamp}\">\n</head>\n{BODY}\
         <script src=\"site/app.js?{stamp}\"></script>\n<script src=\"site/core.js?{stamp}\"></script>\n</body>\n</html>\n",
        head(title, policy)
    )
}

/// One page with everything in it; what may run is named by its hash.
pub(super) fn one_page(title: &str, data: &[(String, String)]) -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data: blob:; base-uri 'none'; form-action 'none'",
        hash(PROGRAM),
        hash(STYLE)
    );
    let mut page = head(title, &policy);
    page.push_str("<link rel=\"icon\" href=\"data:,\">\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n");
    page.push_str(BODY);
    for (name, packed) in data {
        // Blocks of data are no scripts to a browser: it neither runs nor reads them until asked.
        let _ = writeln!(page, "<script type=\"text/plain\" id=\"tform-{name}\">{packed}</script>");
    }
    page.push_str("<script>");
    page.push_str(PROGRAM);
    page.push_str("</script>\n</body>\n</html>\n");
    page
}
