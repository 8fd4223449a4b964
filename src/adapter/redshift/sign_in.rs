//! Signing in to Redshift by AWS: which temporary credentials a target asks for, and keeping them
//! as long as they hold. Asking AWS for them is `aws`.
//!
//! Follows docs.getdbt.com/docs/core/connect-data-platform/redshift-setup, "Authentication Methods";
//! docs.aws.amazon.com/redshift/latest/mgmt/generating-user-credentials.html.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::aws;
use crate::adapter::AdapterError;
use crate::adapter::postgres::Credentials;
use crate::diagnostic::Diagnostic;

/// Credentials that hold no longer than this are renewed before they are used.
const MARGIN: Duration = Duration::from_secs(60);

/// What is asked of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub place: Place,
    pub database: String,
    /// `None`: the one that the environment or the profile names.
    pub region: Option<String>,
    pub identity: Identity,
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Cluster {
        id: String,
        /// `None`: the one that belongs to the IAM identity.
        user: Option<User>,
    },
    Serverless {
        workgroup: String,
    },
}

/// Whom to sign in as on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// Whether to make the user if there is none.
    pub create: bool,
    /// The groups that it joins for the session.
    pub groups: Vec<String>,
}

/// As whom AWS is asked.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever the environment, the default profile, a token, the container or the machine says.
    Environment,
    /// A profile of AWS's own configuration files.
    Profile(String),
    Keys {
        id: String,
        secret: String,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Environment => formatter.write_str("<environment>"),
            Identity::Profile(name) => write!(formatter, "<profile {name}>"),
            Identity::Keys { .. } => formatter.write_str("<keys>"),
        }
    }
}

/// A user with the password of some minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass {
    pub user: String,
    pub password: String,
    pub expires: Option<SystemTime>,
}

impl Pass {
    fn holds(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now + MARGIN)
    }
}

/// Credentials of one target for all its sessions: fetched for the first, and again shortly before they expire.
pub struct Temporary {
    request: Request,
    kept: Mutex<Option<Pass>>,
}

impl Temporary {
    pub fn new(request: Request) -> Temporary {
        Temporary { request, kept: Mutex::default() }
    }
}

impl Credentials for Temporary {
    fn get(&self) -> Result<(String, String), AdapterError> {
        // Sessions that open at once share what the first of them fetches.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = match kept.take().filter(|pass| pass.holds(SystemTime::now())) {
            Some(pass) => pass,
            None => aws::fetch(&self.request)?,
        };
        *kept = Some(pass.clone());
        Ok((pass.user, pass.password))
    }

    fn forget(&self, password: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|pass| pass.password == password);
    }

    fn origin(&self) -> String {
        self.request.origin()
    }

    fn refused(&self) -> String {
        let key = match &self.request.place {
            Place::Cluster { id, .. } => format!("cluster_id: {id}"),
            Place::Serverless { workgroup } => format!("serverless_work_group: {workgroup}"),
        };
        format!(
            "AWS gave these credentials for `{key}`: is that what answers at `host` of the target in `profiles.yml`?"
        )
    }
}

impl Request {
    /// What in the profile says as whom sessions sign in.
    fn origin(&self) -> String {
        let key = match (&self.place, &self.identity) {
            (Place::Cluster { user: Some(user), .. }, _) => format!("`user: {}`", user.name),
            (_, Identity::Profile(name)) => format!("`iam_profile: {name}`"),
            (_, Identity::Keys { .. }) => "the owner of `access_key_id`".to_owned(),
            (_, Identity::Environment) => {
                return "the AWS identity of the environment, as the target in `profiles.yml` names none".to_owned();
            }
        };
        format!("{key} of the target in `profiles.yml`")
    }
}

/// What a target asks of AWS; `None` for one that signs in with a password of its own.
///
/// # Errors
/// A way to sign in that this version does not have; keys that are missing, or do not fit one another.
pub fn of_profile(profile: &Map<String, Value>) -> Result<Option<Request>, Diagnostic> {
    let text = |key: &str| profile.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let method = text("method").unwrap_or("database");
    match method {
        "database" => {
            for key in ["user", "password"] {
                if text(key).is_none() {
                    return Err(Diagnostic::error(format!("`{key}` is missing for an adapter of type `redshift`"))
                        .note("`method: database` signs in with `user` and `password`; `iam` and `iam_role` ask AWS"));
                }
            }
            return Ok(None);
        }
        "iam" | "iam_role" => {}
        "browser_identity_center" | "iam_idc_browser" | "oauth_token_identity_center" | "iam_idc_token" => {
            return Err(Diagnostic::error(format!("`method: {method}` is not built into this version of tform"))
                .note("it signs in by a browser or a token of IAM Identity Center")
                .hint("`method: iam_role` signs in as the AWS identity of the environment or of `iam_profile`, which `aws sso login` can provide"));
        }
        _ => {
            return Err(Diagnostic::error(format!("`method: {method}` is no way to sign in to Redshift"))
                .suggest(method, ["database", "iam", "iam_role"])
                .note("ways are `database`, `iam` and `iam_role`"));
        }
    }
    let missing = |key: &str, reason: &str| {
        Diagnostic::error(format!("`{key}` is missing for `method: {method}`")).note(reason.to_owned())
    };
    let host = text("host").unwrap_or_default();
    let named = Endpoint::of_host(host);
    let flag = |key: &str| profile.get(key).and_then(Value::as_bool).unwrap_or(false);
    let user = text("user").map(str::to_owned);
    if method == "iam" && user.is_none() {
        return Err(missing("user", "`iam` signs in as a user of the database; `iam_role` as the AWS identity itself"));
    }
    let serverless = flag("is_serverless") || host.contains("serverless");
    let place = match (serverless, text("cluster_id")) {
        (true, _) => {
            let workgroup = text("serverless_work_group").or(named.workgroup);
            let reason = "neither it nor `host` (`WORKGROUP.ACCOUNT.REGION.redshift-serverless.amazonaws.com`) names the workgroup";
            let workgroup = workgroup.ok_or_else(|| missing("serverless_work_group", reason))?.to_owned();
            Place::Serverless { workgroup }
        }
        (false, Some(id)) => {
            let groups = profile.get("db_groups").and_then(Value::as_array).into_iter().flatten();
            let groups = groups.filter_map(Value::as_str).map(str::to_owned).collect();
            let user = user.filter(|_| method == "iam");
            let user = user.map(|name| User { name, create: flag("autocreate"), groups });
            Place::Cluster { id: id.to_owned(), user }
        }
        (false, None) => return Err(missing("cluster_id", "AWS gives credentials for a cluster by its identifier")),
    };
    let identity = match (text("access_key_id"), text("secret_access_key"), text("iam_profile")) {
        (Some(id), Some(secret), _) if method == "iam" => {
            Identity::Keys { id: id.to_owned(), secret: secret.to_owned() }
        }
        (Some(_), None, _) if method == "iam" => return Err(missing("secret_access_key", "`access_key_id` needs it")),
        (None, Some(_), _) if method == "iam" => return Err(missing("access_key_id", "`secret_access_key` needs it")),
        (_, _, Some(name)) => Identity::Profile(name.to_owned()),
        _ => Identity::Environment,
    };
    let region = text("region").or(named.region).map(str::to_owned);
    let request = Request { place, database: text("database").unwrap_or_default().to_owned(), region, identity };
    aws::verify(method)?;
    Ok(Some(request))
}

/// What the name of an endpoint says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Endpoint<'a> {
    workgroup: Option<&'a str>,
    region: Option<&'a str>,
}

impl Endpoint<'_> {
    /// `NAME.ACCOUNT.REGION.redshift-serverless.amazonaws.com`, `NAME.ID.REGION.redshift.amazonaws.com`.
    fn of_host(host: &str) -> Endpoint<'_> {
        let serverless = host.find(".redshift-serverless");
        let Some(end) = serverless.or(host.find(".redshift.")).or(host.find(".redshift-dev.")) else {
            return Endpoint::default();
        };
        let (name, suffix) = host.split_at(end);
        let parts: Vec<&str> = name.split('.').collect();
        if !suffix.contains(".amazonaws.com") || parts.len() < 2 {
            return Endpoint::default();
        }
        let workgroup = parts.first().copied().filter(|_| serverless.is_some() && parts.len() > 2);
        Endpoint { workgroup, region: parts.last().copied() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(profile: Value) -> Result<Option<Request>, String> {
        let mut all = json!({"host": "shop.abc123.eu-west-1.redshift.amazonaws.com", "database": "d"});
        let given = profile.as_object().cloned().unwrap_or_default();
        all.as_object_mut().unwrap().extend(given);
        of_profile(all.as_object().unwrap()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn endpoints_name_region_and_workgroup() {
        let cases = [
            ("shop.abc.eu-west-1.redshift.amazonaws.com", None, Some("eu-west-1")),
            ("wg.1234.us-east-2.redshift-serverless.amazonaws.com", Some("wg"), Some("us-east-2")),
            ("1234.us-east-2.redshift-serverless.amazonaws.com", None, Some("us-east-2")),
            ("wg.1234.cn-north-1.redshift-serverless.amazonaws.com.cn", Some("wg"), Some("cn-north-1")),
            ("warehouse.example.com", None, None),
            ("localhost", None, None),
        ];
        for (host, workgroup, region) in cases {
            assert_eq!(Endpoint::of_host(host), Endpoint { workgroup, region }, "{host}");
        }
    }

    #[test]
    fn what_is_missing_or_not_there_is_said() {
        let cases = [
            (json!({"user": "a"}), "`password` is missing"),
            (json!({"method": "databse"}), "did you mean `database`?"),
            (json!({"method": "iam_idc_browser"}), "`method: iam_idc_browser` is not built into this version"),
            (json!({"method": "iam", "cluster_id": "shop"}), "`user` is missing for `method: iam`"),
            (json!({"method": "iam", "user": "a"}), "`cluster_id` is missing"),
            (json!({"method": "iam_role", "is_serverless": true}), "`serverless_work_group` is missing"),
            (
                json!({"method": "iam", "user": "a", "cluster_id": "s", "access_key_id": "AK"}),
                "`secret_access_key` is missing",
            ),
        ];
        for (profile, expected) in cases {
            let problem = request(profile).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(request(json!({"user": "a", "password": "b"})), Ok(None));
    }

    #[test]
    fn whoever_signs_in_is_known_by_a_key_of_the_profile() {
        let origin = |user: Option<&str>, identity: Identity| {
            let user = user.map(|name| User { name: name.into(), create: false, groups: Vec::new() });
            let place = Place::Cluster { id: "shop".into(), user };
            Request { place, database: "d".into(), region: None, identity }.origin()
        };
        let keys = Identity::Keys { id: "AK".into(), secret: "hunter2".into() };
        assert_eq!(origin(Some("ana"), keys.clone()), "`user: ana` of the target in `profiles.yml`");
        assert_eq!(origin(None, keys), "the owner of `access_key_id` of the target in `profiles.yml`");
        let profile = Identity::Profile("work".into());
        assert_eq!(origin(None, profile), "`iam_profile: work` of the target in `profiles.yml`");
        assert!(origin(None, Identity::Environment).starts_with("the AWS identity of the environment"));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn requests_say_where_and_as_whom() {
        let iam = json!({
            "method": "iam", "user": "ana", "cluster_id": "shop", "autocreate": true, "db_groups": ["bi"],
            "iam_profile": "work",
        });
        let found = request(iam).unwrap().unwrap();
        let user = User { name: "ana".into(), create: true, groups: vec!["bi".into()] };
        assert_eq!(found.place, Place::Cluster { id: "shop".into(), user: Some(user) });
        assert_eq!((found.region.as_deref(), found.identity), (Some("eu-west-1"), Identity::Profile("work".into())));
        let role = json!({
            "method": "iam_role", "user": "ana", "host": "wg.1.us-east-2.redshift-serverless.amazonaws.com",
            "region": "us-west-1",
        });
        let found = request(role).unwrap().unwrap();
        assert_eq!(found.place, Place::Serverless { workgroup: "wg".into() });
        assert_eq!((found.region.as_deref(), found.identity), (Some("us-west-1"), Identity::Environment));
        let keys = json!({
            "method": "iam", "user": "a", "cluster_id": "s", "access_key_id": "AK", "secret_access_key": "hunter2",
        });
        let found = request(keys).unwrap().unwrap();
        assert!(matches!(found.identity, Identity::Keys { .. }) && !format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let now = SystemTime::now();
        let pass = |seconds: u64| Pass {
            user: "a".into(),
            password: "b".into(),
            expires: Some(now + Duration::from_secs(seconds)),
        };
        assert!(pass(61).holds(now) && !pass(60).holds(now));
        assert!(Pass { expires: None, ..pass(0) }.holds(now));
    }
}
