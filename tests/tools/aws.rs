//! A stand-in for the parts of AWS that hand out credentials: Redshift, Redshift Serverless, STS,
//! a container's and a machine's metadata. One HTTP server of this machine is all of them.
//!
//! Keys say who asks: `AKEXPIRED` and `AKDENIED` are refused, `AKBUSY` is told to slow down, `AKHALFBUSY` the
//! first time only, others are good. What is asked for says
//! what comes: see [`Aws::database_user`]. Answers follow docs.aws.amazon.com/redshift/latest/APIReference,
//! redshift-serverless/latest/APIReference and STS/latest/APIReference. Signatures are not verified.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A running server; it serves until the process ends.
#[derive(Default)]
pub struct Aws {
    pub port: u16,
    /// What was asked, one line each.
    asked: Mutex<Vec<String>>,
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A status, a content type, a body.
type Answer = (u16, &'static str, String);

const XML: &str = "text/xml";
const JSON: &str = "application/x-amz-json-1.1";

impl Aws {
    pub fn start() -> Result<Arc<Aws>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let aws = Arc::new(Aws { port, ..Aws::default() });
        let served = aws.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let aws = served.clone();
                std::thread::spawn(move || while aws.serve(&client).is_some() {});
            }
        });
        Ok(aws)
    }

    /// What was asked since the last time.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, client: &TcpStream) -> Option<()> {
        let request = read(&mut BufReader::new(client))?;
        let (status, kind, body) = self.answer(&request);
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             x-aws-ec2-metadata-token-ttl-seconds: 600\r\n\r\n",
            body.len()
        );
        let mut client = client;
        client.write_all(head.as_bytes()).and_then(|()| client.write_all(body.as_bytes())).ok()
    }

    fn answer(&self, request: &Request) -> Answer {
        if let Some(answer) = self.metadata(request) {
            return answer;
        }
        let target = request.headers.get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let form = fields(&request.body);
        let action = target.or(form.get("Action").map(String::as_str)).unwrap_or_default().to_owned();
        let (key, region) = signer(request);
        let json: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let given = json.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value)));
        let hidden = ["Action", "Version", "RoleSessionName"];
        let given: BTreeMap<String, String> =
            given.chain(form).filter(|(name, _)| !hidden.contains(&name.as_str())).collect();
        let shown: Vec<String> = given.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.note(format!("{action} by {key} in {region}: {}", shown.join(" ")));
        let refuse = |code: &str, message: &str| refusal(target.is_some(), code, message);
        match key.as_str() {
            "AKEXPIRED" => return refuse("ExpiredToken", "The security token included in the request is expired"),
            "AKDENIED" => return refuse("AccessDenied", &format!("User is not authorized to perform {action}")),
            "AKBUSY" => return refuse("Throttling", "Rate exceeded"),
            "AKHALFBUSY" if self.times("AKHALFBUSY") == 1 => return refuse("Throttling", "Rate exceeded"),
            _ => {}
        }
        let value = |name: &str| given.get(name).map_or("", String::as_str);
        match action.as_str() {
            "AssumeRole" | "AssumeRoleWithWebIdentity" => {
                let keys = "<AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>secret-of-role</SecretAccessKey><SessionToken>token-of-role</SessionToken>";
                let credentials = format!("<Credentials>{keys}<Expiration>{}</Expiration></Credentials>", moment(3600));
                let user = format!(
                    "<AssumedRoleUser><AssumedRoleId>A:t</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
                    value("RoleArn")
                );
                (200, XML, envelope(&action, &format!("{credentials}{user}")))
            }
            "GetClusterCredentials" | "GetClusterCredentialsWithIAM" => {
                let cluster = value("ClusterIdentifier");
                if cluster == "nowhere" {
                    return refuse("ClusterNotFound", "Cluster nowhere not found.");
                }
                let user = match value("DbUser") {
                    "" => format!("IAMR:{key}"),
                    name => format!("IAM:{name}"),
                };
                let (password, seconds) = self.database_user(&user, cluster);
                let expires = moment(seconds);
                (
                    200,
                    XML,
                    envelope(
                        &action,
                        &format!(
                            "<DbUser>{user}</DbUser><DbPassword>{password}</DbPassword><Expiration>{expires}</Expiration>"
                        ),
                    ),
                )
            }
            "GetCredentials" => {
                let workgroup = value("workgroupName");
                if workgroup == "nowhere" {
                    return refuse("ResourceNotFoundException", "Could not find workgroup nowhere");
                }
                let user = format!("IAMR:{key}");
                let (password, seconds) = self.database_user(&user, workgroup);
                let body = serde_json::json!({"dbUser": user, "dbPassword": password, "expiration": now() + seconds});
                (200, JSON, body.to_string())
            }
            _ => refuse("InvalidAction", "The stand-in does not know this action"),
        }
    }

    /// Makes the user, and gives its password and how many seconds that holds; for the cluster
    /// `brief` hardly any; for `stale` it is the wrong one when first asked for, for `elsewhere` always. A
    /// user of a key with READER in it may do nothing.
    fn database_user(&self, user: &str, place: &str) -> (String, u64) {
        let password = format!("pass-of-{user}");
        let rights = if user.contains("READER") { "" } else { "superuser" };
        let make = format!("create role \"{user}\" login {rights} password '{password}'");
        let made = crate::psql::lines(
            "postgres",
            &format!("do $$ begin {make}; exception when duplicate_object or unique_violation then null; end $$"),
        );
        match (made, place) {
            (Err(problem), _) => (problem, 0),
            (_, "brief") => (password, 30),
            (_, "elsewhere") => ("pass-of-elsewhere".to_owned(), 900),
            (_, "stale") if self.times("stale") == 1 => ("pass-of-yesterday".to_owned(), 900),
            _ => (password, 900),
        }
    }

    /// What containers and machines answer their own programs.
    fn metadata(&self, request: &Request) -> Option<Answer> {
        let keys = |id: &str| {
            serde_json::json!({
                "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": format!("secret-of-{id}"),
                "Token": "token", "AccountId": "1", "LastUpdated": moment(0), "Expiration": moment(3600),
            })
            .to_string()
        };
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/container") => (200, JSON, keys("AKCONTAINER")),
            ("PUT", "/latest/api/token") => (200, "text/plain", "token-of-machine".to_owned()),
            ("GET", "/latest/meta-data/iam/security-credentials/") => (200, "text/plain", "machine".to_owned()),
            ("GET", "/latest/meta-data/iam/security-credentials/machine") => (200, JSON, keys("AKMACHINE")),
            ("GET", _) => (404, "text/plain", String::new()),
            _ => return None,
        };
        Some(answer)
    }

    /// How often something with this in it was asked.
    fn times(&self, part: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|line| line.contains(part)).count()
    }

    fn note(&self, line: String) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

fn read(client: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    client.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        client.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8(body).ok()? })
}

/// The key and the region of a request's signature; a request of a web identity has none.
fn signer(request: &Request) -> (String, String) {
    let header = request.headers.get("authorization").map_or("", String::as_str);
    let scope = header.split_once("Credential=").map_or("", |(_, rest)| rest.split(',').next().unwrap_or(""));
    let mut parts = scope.split('/').map(str::to_owned);
    (parts.next().filter(|key| !key.is_empty()).unwrap_or("nobody".to_owned()), parts.nth(1).unwrap_or("-".to_owned()))
}

/// The fields of a form.
fn fields(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let code = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(code.unwrap_or(b'?'));
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn envelope(action: &str, result: &str) -> String {
    format!(
        "<{action}Response><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn refusal(json: bool, code: &str, message: &str) -> Answer {
    if json {
        return (400, JSON, serde_json::json!({"__type": code, "message": message}).to_string());
    }
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    (400, XML, format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The moment in so many seconds.
fn moment(seconds: u64) -> String {
    let moment = chrono::DateTime::from_timestamp((now() + seconds) as i64, 0).unwrap_or_default();
    moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
