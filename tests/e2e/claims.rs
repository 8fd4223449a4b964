//! Claims on Redshift, by the adapter itself: what takes a run longer than a test may take.

use serde_json::json;
use tform::adapter::{Adapter, Claim, Claimed, Connection, redshift};

use crate::redshift::Cluster;
use crate::{postgres, psql};

/// The name of the check, with what is wrong.
pub fn all() -> Vec<(String, Option<String>)> {
    let name = "claims: whoever renews keeps what a silent run loses";
    vec![(name.to_owned(), whoever_renews_keeps_what_a_silent_run_loses().err())]
}

fn connect(cluster: &Cluster, database: &str) -> Result<Box<dyn Connection>, String> {
    let profile = json!({
        "host": "127.0.0.1", "port": cluster.port, "user": postgres::USER, "password": postgres::PASSWORD,
        "database": database, "schema": "main", "sslmode": "disable",
    });
    let profile = profile.as_object().ok_or("no profile")?;
    let server = redshift::from_profile(profile).map_err(|problem| problem.to_string())?;
    server.open("claims").map_err(|error| error.to_string())
}

fn whoever_renews_keeps_what_a_silent_run_loses() -> Result<(), String> {
    let database = "claims";
    let cluster = Cluster::start(database)?;
    let claim = |owner: &str| {
        let parts = Claim::new("shop", [(database, "main", "orders")].into_iter());
        Claim { owner: owner.to_owned(), in_own_schema: true, ..parts }
    };
    let mut first = connect(&cluster, database)?;
    let mut second = connect(&cluster, database)?;
    let mut take = |owner: &str| second.claim(&claim(owner)).map_err(|error| error.to_string());
    if first.claim(&claim("first")) != Ok(Claimed::Ours) {
        return Err("the first does not get what nobody claims".to_owned());
    }
    let silent_for = |seconds: u32| {
        psql::lines(database, &format!("update main.tform_claims set renewed = renewed - interval '{seconds} seconds'"))
    };
    silent_for(290)?;
    first.renew_claim(&claim("first")).map_err(|error| error.to_string())?;
    silent_for(290)?;
    match take("second")? {
        Claimed::Theirs(holders) if holders.iter().any(|holder| holder.name == "main.orders") => {}
        other => return Err(format!("the second takes what the first holds and renewed: {other:?}")),
    }
    silent_for(20)?;
    match take("second")? {
        Claimed::Ours => {}
        other => return Err(format!("the second does not get what nobody renews: {other:?}")),
    }
    let owners = psql::lines(database, "select distinct owner from main.tform_claims")?;
    if owners != ["second"] {
        return Err(format!("owners are {owners:?}"));
    }
    first.release_claim(&claim("first")).map_err(|error| error.to_string())?;
    let left = psql::lines(database, "select count(*) from main.tform_claims where owner = 'second'")?;
    if left == ["0"] { Err("the first gives up what is the second's".to_owned()) } else { Ok(()) }
}
