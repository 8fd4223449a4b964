//! The commands of a case, run in a folder of its own.
//!
//! | command | does |
//! |---|---|
//! | `tform ...` | runs the binary; words are split as a shell does, without its other powers |
//! | `query SQL` | shows the rows of a query on the case's database |
//! | `cat PATH`, `ls PATH` | shows a file, a folder's names |
//! | `rm PATH`, `chmod MODE PATH` | removes, changes permissions |
//! | `json PATH PICK` | picks from a JSON file (`json_path.rs`) |
//! | `env NAME=value`, `env -u NAME` | sets, unsets a variable for what follows |
//! | `fill BYTES PATH TEXT` | writes TEXT again and again until the file has that size |
//! | `hex PATH DIGITS` | writes bytes |
//! | `sent [PART]` | on Redshift: the statements (with PART) since the last time, without those that read the catalog |
//! | `fault KIND TIMES PART` | on Redshift: statements with PART fail: `1023`, `oid`, `conflict`, `assert`, `lost-before`, `lost-after`; or wait until TIMES of them are there at once: `meet` for long, `linger` for a moment |
//! | `asked` | on Redshift: what AWS was asked since the last time; AWS_ENDPOINT is where it is |
//! | `sh COMMAND` | anything else, by `sh -c`; `$TFORM` is the binary |

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use crate::case::{Case, Step, trimmed};
use crate::database::{Engine, Place};
use crate::{filter, json_path};

/// A command that runs longer is killed, and the case fails.
const LONGEST: Duration = Duration::from_secs(120);

/// What a case lacks, it gets: a project without a profile builds on the embedded engine.
const PROJECT: &str = "name: test\nversion: '1.0'\nconfig-version: 2\n";

struct World<'a> {
    folder: PathBuf,
    home: PathBuf,
    case: &'a Case,
    engine: Engine,
    place: Place,
    variables: BTreeMap<String, String>,
    /// The case changes permissions: as root, commands must feel them.
    heeds_permissions: bool,
}

/// The output of each command, as it stands in case files.
pub fn run_all(case: &Case, engine: Engine) -> Result<Vec<Vec<String>>, String> {
    let scratch = tempfile::Builder::new().prefix("tform-e2e-").tempdir().map_err(|error| error.to_string())?;
    let (folder, home) = (scratch.path().join("project"), scratch.path().join("home"));
    for path in [&folder, &home] {
        fs::create_dir_all(path).map_err(|error| error.to_string())?;
    }
    let has = |name: &str| case.steps.iter().any(|step| matches!(step, Step::File { path, .. } if path == name));
    if !has("dbt_project.yml") {
        write(&folder, "dbt_project.yml", PROJECT.as_bytes())?;
    }
    let heeds_permissions = case.commands().any(|command| command.text.starts_with("chmod "));
    let place = engine.place(&case.database)?;
    let mut variables = BTreeMap::from([("TFORM_THREADS".to_owned(), "1".to_owned())]);
    if let Some(profile) = engine.profile() {
        let known = [
            ("PGPORT", place.port.to_string()),
            ("PGDATABASE", place.database.clone()),
            ("PGUSER", crate::postgres::USER.to_owned()),
            ("PGPASSWORD", crate::postgres::PASSWORD.to_owned()),
            ("PGHOST", "localhost".to_owned()),
            ("EXAMPLE", env!("CARGO_MANIFEST_DIR").to_owned()),
            // The socket and the certificate of the server.
            ("SERVER_FOLDER", crate::postgres::server()?.folder.to_string_lossy().into_owned()),
            ("DBT_ENV_SECRET_PASSWORD", crate::postgres::PASSWORD.to_owned()),
        ];
        variables.extend(known.map(|(name, value)| (name.to_owned(), value)));
        let endpoint = place.aws.as_ref().map(|aws| format!("http://127.0.0.1:{}", aws.port));
        variables.extend(endpoint.map(|endpoint| ("AWS_ENDPOINT".to_owned(), endpoint)));
        if engine == Engine::Redshift {
            // The table of claims would stand among what cases list; those about it unset this.
            variables.insert("TFORM_LOCK".to_owned(), "false".to_owned());
        }
        if !has("profiles.yml") {
            write(&home, "profiles.yml", profile.as_bytes())?;
            variables.insert("DBT_PROFILES_DIR".to_owned(), home.to_string_lossy().into_owned());
            variables.insert("DBT_PROFILE".to_owned(), "test".to_owned());
        }
    }
    let mut world = World { folder, home, case, engine, place, variables, heeds_permissions };
    let mut results = Vec::new();
    for step in &case.steps {
        match step {
            Step::File { path, text } => {
                let text = text.replace("[connection]", &world.engine.connection(&world.place));
                let text = text.replace("[database]", world.engine.database(&world.place));
                write(&world.folder, path, text.as_bytes())?;
            }
            Step::Command(command) => {
                results.push(world.run(&command.text).map_err(|problem| format!("$ {}\n{problem}", command.text))?)
            }
        }
    }
    world.restore_permissions();
    world.settle()?;
    Ok(results)
}

impl World<'_> {
    fn run(&mut self, text: &str) -> Result<Vec<String>, String> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match name {
            "tform" => self.tform(&words(rest)?),
            "query" => match self.engine.query(&self.folder, &self.place, rest) {
                Ok(lines) => Ok(trimmed(&lines)),
                Err(error) => Ok(self.stable(&format!("error: {error}"))),
            },
            "cat" => Ok(self.read(rest).map_or_else(|| vec!["[no such file]".to_owned()], |text| self.stable(&text))),
            "ls" => Ok(self.list(rest)),
            "rm" => self.remove(rest),
            "chmod" => self.change_mode(rest),
            "json" => self.json(rest),
            "env" => self.set_variable(rest),
            "fill" => self.fill(rest),
            "hex" => self.hex(rest),
            "sent" => {
                let sent = self.cluster()?.take_sent();
                Ok(sent.iter().map(|line| self.stable(line).join(" ")).filter(|line| line.contains(rest)).collect())
            }
            "fault" => self.fault(rest),
            "asked" => {
                let aws = self.place.aws.as_ref().ok_or("only the stand-in for AWS can do that")?;
                Ok(aws.take_asked().iter().map(|line| self.stable(line).join(" ")).collect())
            }
            "sh" => {
                let mut process = Process::new("sh");
                process.arg("-c").arg(rest);
                self.finish(process)
            }
            other => Err(format!("unknown command `{other}`")),
        }
    }

    fn tform(&self, arguments: &[String]) -> Result<Vec<String>, String> {
        let binary = env!("CARGO_BIN_EXE_tform");
        let mut process = Process::new(binary);
        if self.heeds_permissions && is_root() {
            // Root passes every permission by two capabilities; without them it is like anybody.
            let without = "-dac_override,-dac_read_search";
            process = Process::new("setpriv");
            process.args([format!("--bounding-set={without}"), format!("--inh-caps={without}")]).arg(binary);
        }
        process.args(arguments);
        self.finish(process)
    }

    /// Runs a process; its output, standard error apart, and its exit code.
    fn finish(&self, mut process: Process) -> Result<Vec<String>, String> {
        process.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process.env_clear();
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                process.env(name, value);
            }
        }
        process.env("TFORM", env!("CARGO_BIN_EXE_tform"));
        process.env("HOME", &self.home).env("TZ", "UTC").env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        process.envs(&self.variables);
        let mut child = process.spawn().map_err(|error| error.to_string())?;
        let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
        let status = wait(&mut child)?;
        let mut lines = self.stable(&text_of(out));
        let errors = self.stable(&text_of(err));
        if !errors.is_empty() {
            lines.push("[stderr]".to_owned());
            lines.extend(errors);
        }
        match status.code() {
            Some(0) => {}
            Some(code) => lines.push(format!("[exit {code}]")),
            None => lines.push(format!("[{status}]")),
        }
        Ok(lines)
    }

    fn stable(&self, text: &str) -> Vec<String> {
        let mut text = text.to_owned();
        if self.engine != Engine::DuckDb {
            // The server's port and the case's database differ from run to run.
            let database = &self.place.database;
            text = text.replace(database, "test").replace(&database.to_uppercase(), "TEST");
            text = text.replace(&self.place.port.to_string(), "[port]");
        }
        if self.case.is_shared() {
            text = filter::without_engine(&text);
        }
        filter::stable(&text, &self.folder)
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read(self.folder.join(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, path: &str) -> Vec<String> {
        let path = self.folder.join(if path.is_empty() { "." } else { path });
        if path.is_file() {
            return vec![path.file_name().unwrap_or_default().to_string_lossy().into_owned()];
        }
        let Ok(entries) = fs::read_dir(&path) else { return vec!["[no such file]".to_owned()] };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| {
                let slash = if entry.path().is_dir() { "/" } else { "" };
                format!("{}{slash}", entry.file_name().to_string_lossy())
            })
            .collect();
        names.sort();
        names
    }

    fn remove(&self, path: &str) -> Result<Vec<String>, String> {
        let path = self.folder.join(path);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map(|()| Vec::new()).map_err(|error| error.to_string())
    }

    fn change_mode(&self, rest: &str) -> Result<Vec<String>, String> {
        use std::os::unix::fs::PermissionsExt;
        let (mode, path) = rest.split_once(' ').ok_or("chmod MODE PATH")?;
        let mode = u32::from_str_radix(mode, 8).map_err(|error| error.to_string())?;
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.folder.join(path), permissions).map_err(|error| error.to_string())?;
        Ok(Vec::new())
    }

    /// So that the scratch folder can be removed.
    fn restore_permissions(&self) {
        for command in self.case.commands().filter(|command| command.text.starts_with("chmod ")) {
            if let Some(path) = command.text.split_whitespace().nth(2) {
                let _ = self.change_mode(&format!("755 {path}"));
            }
        }
    }

    fn json(&self, rest: &str) -> Result<Vec<String>, String> {
        let (path, pick) = rest.split_once(' ').ok_or("json PATH PICK")?;
        let Some(text) = self.read(path) else { return Ok(vec!["[no such file]".to_owned()]) };
        let value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match json_path::pick(&value, pick) {
            Ok(lines) => Ok(self.stable(&lines.join("\n"))),
            Err(problem) => Ok(vec![format!("[{problem}]")]),
        }
    }

    fn set_variable(&mut self, rest: &str) -> Result<Vec<String>, String> {
        for word in words(rest.strip_prefix("-u ").unwrap_or(rest))? {
            match word.split_once('=') {
                Some((name, value)) => {
                    self.variables.insert(name.to_owned(), value.to_owned());
                }
                None => {
                    self.variables.remove(&word);
                }
            }
        }
        Ok(Vec::new())
    }

    fn fill(&self, rest: &str) -> Result<Vec<String>, String> {
        let mut parts = rest.splitn(3, ' ');
        let (Some(bytes), Some(path), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("fill BYTES PATH TEXT".to_owned());
        };
        let bytes: usize = bytes.replace('_', "").parse().map_err(|_| format!("`{bytes}` is not a number"))?;
        let line = format!("{text}\n");
        write(&self.folder, path, line.repeat(bytes.div_ceil(line.len())).as_bytes())?;
        Ok(Vec::new())
    }

    fn cluster(&self) -> Result<&crate::redshift::Cluster, String> {
        self.place.cluster.as_ref().ok_or_else(|| "only the stand-in for Redshift can do that".to_owned())
    }

    /// What the case started has left the cluster, by the time the case ends.
    fn settle(&self) -> Result<(), String> {
        let began = Instant::now();
        let Some(cluster) = &self.place.cluster else { return Ok(()) };
        while cluster.sessions() > 0 {
            if began.elapsed() > LONGEST {
                return Err(format!("{} sessions stay open", cluster.sessions()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn fault(&self, rest: &str) -> Result<Vec<String>, String> {
        let mut parts = rest.splitn(3, ' ');
        let (Some(kind), Some(times), Some(part)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("fault KIND TIMES PART".to_owned());
        };
        let times = times.parse().map_err(|_| format!("`{times}` is not a number"))?;
        self.cluster()?.plan(kind, times, part).map(|()| Vec::new())
    }

    fn hex(&self, rest: &str) -> Result<Vec<String>, String> {
        let (path, digits) = rest.split_once(' ').ok_or("hex PATH DIGITS")?;
        let digits: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes: Result<Vec<u8>, _> =
            (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16)).collect();
        write(&self.folder, path, &bytes.map_err(|error| error.to_string())?)?;
        Ok(Vec::new())
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join(path);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(&path, bytes)).map_err(|error| format!("{}: {error}", path.display()))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The process's own entry belongs to its effective user.
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

type Output = std::thread::JoinHandle<Vec<u8>>;

fn reader(stream: Option<impl Read + Send + 'static>) -> Option<Output> {
    let mut stream = stream?;
    Some(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    }))
}

fn text_of(output: Option<Output>) -> String {
    let bytes = output.and_then(|output| output.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() > LONGEST => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("did not end within {} seconds", LONGEST.as_secs()));
            }
            Ok(None) => std::thread::sleep(pause),
            Err(error) => return Err(error.to_string()),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Words with single and double quotes and backslashes, as a shell splits them.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => {
                word.push(characters.next().ok_or("a backslash at the end")?);
                begun = true;
            }
            (character, Some(open)) if character == open => quote = None,
            (character, Some(_)) => word.push(character),
            ('\'' | '"', None) => {
                quote = Some(character);
                begun = true;
            }
            (character, None) if character.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (character, None) => {
                word.push(character);
                begun = true;
            }
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}
