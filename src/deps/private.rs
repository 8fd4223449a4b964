//! Private packages: `private: ORG/REPO` to the address of a repository.
//!
//! `DBT_ENV_PRIVATE_GIT_PROVIDER_INFO` lists what a platform has access to, as a JSON list of `org`, `url`
//! (with `{token}`, `{repo}`, `{group}`), `token` and `provider`. Without it, it is the user's own SSH key
//! that opens the repository. Source: docs.getdbt.com/docs/build/packages#private-packages.

use serde_json::Value;

/// The variable that names the providers.
pub(super) const PROVIDERS: &str = "DBT_ENV_PRIVATE_GIT_PROVIDER_INFO";

/// Azure DevOps, by its several names.
const AZURE: [&str; 3] = ["ado", "azure_devops", "azure_active_directory"];

/// The address of the repository `name`, at `provider` if one is given.
///
/// # Errors
/// Why there is none, in words for people.
pub(super) fn address(name: &str, provider: Option<&str>, providers: Option<&str>) -> Result<String, String> {
    if let Some(provider) = provider.filter(|provider| !is_known(provider)) {
        return Err(format!(
            "`{provider}` is no provider: those are github, gitlab, ado, azure_devops and azure_active_directory"
        ));
    }
    let listed: Vec<Value> = match providers.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => serde_json::from_str(text).map_err(|_| format!("{PROVIDERS} is not a JSON list"))?,
        None => Vec::new(),
    };
    if listed.is_empty() {
        return by_ssh(name, provider.unwrap_or("github"));
    }
    let found = listed.iter().find_map(|entry| by_provider(name, provider, entry));
    found.ok_or_else(|| format!("none of the repositories in {PROVIDERS} is `{name}`"))
}

fn is_known(provider: &str) -> bool {
    matches!(provider, "github" | "gitlab") || AZURE.contains(&provider)
}

fn by_ssh(name: &str, provider: &str) -> Result<String, String> {
    match provider {
        "github" | "gitlab" => Ok(format!("git@{provider}.com:{name}.git")),
        _ if name.split('/').count() < 3 => Err(format!("a repository of `{provider}` is named ORG/PROJECT/REPO")),
        _ => Ok(format!("git@ssh.dev.azure.com:v3/{name}")),
    }
}

/// The address by one entry of the list, if it is meant.
fn by_provider(name: &str, provider: Option<&str>, entry: &Value) -> Option<String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let (url, own) = (text("url")?, text("provider")?);
    let (org, group, repo) = parts(name)?;
    let same_provider = |wanted: &str| wanted == own || (AZURE.contains(&wanted) && AZURE.contains(&own));
    if text("org")? != org || !provider.is_none_or(same_provider) {
        return None;
    }
    let (_, path) = url.split_once("://")?.1.split_once('/')?;
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path = if AZURE.contains(&own) { path.replace("/_git/", "/") } else { path.to_owned() };
    let (known_org, known_group, known_repo) = parts(&path)?;
    // The older names of Azure DevOps do without the project.
    let without_group = own != "ado" && AZURE.contains(&own) && group.is_empty() && provider != Some("ado");
    let same_group =
        without_group || known_group == group || (matches!(known_group, "{group}" | "{project}") && !group.is_empty());
    if known_org != org || !same_group || !(known_repo == "{repo}" || known_repo == repo) {
        return None;
    }
    let filled = [("{token}", text("token")?), ("{repo}", repo), ("{group}", group), ("{project}", group)];
    Some(filled.into_iter().fold(url.to_owned(), |url, (place, value)| url.replace(place, value)))
}

/// `ORG/anything between/REPO`.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (org, rest) = name.split_once('/')?;
    let (group, repo) = rest.rsplit_once('/').unwrap_or(("", rest));
    Some((org, group, repo))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_private_package_is_found_by_its_provider() {
        let github = r#"[{"org": "shop", "url": "https://{token}@github.com/shop/{repo}.git", "token": "t", "provider": "github"}]"#;
        let grouped = r#"[{"org": "shop", "url": "https://x:{token}@gitlab.com/shop/{group}/{repo}.git", "token": "t", "provider": "gitlab"}]"#;
        let azure = r#"[{"org": "shop", "url": "https://{token}@dev.azure.com/shop/sales/_git/{repo}", "token": "t", "provider": "ado"}]"#;
        let cases = [
            ("shop/tools", None, None, Ok("git@github.com:shop/tools.git")),
            ("shop/a/tools", Some("gitlab"), Some("[]"), Ok("git@gitlab.com:shop/a/tools.git")),
            ("shop/sales/tools", Some("ado"), None, Ok("git@ssh.dev.azure.com:v3/shop/sales/tools")),
            ("shop/tools", Some("ado"), None, Err("ORG/PROJECT/REPO")),
            ("shop/tools", Some("svn"), None, Err("is no provider")),
            ("shop/tools", None, Some("{"), Err("is not a JSON list")),
            ("shop/tools", None, Some(github), Ok("https://t@github.com/shop/tools.git")),
            ("shop/tools", Some("gitlab"), Some(github), Err("none of the repositories")),
            ("other/tools", None, Some(github), Err("none of the repositories")),
            ("shop/a/b/tools", None, Some(grouped), Ok("https://x:t@gitlab.com/shop/a/b/tools.git")),
            ("shop/tools", None, Some(grouped), Err("none of the repositories")),
            (
                "shop/sales/tools",
                Some("azure_devops"),
                Some(azure),
                Ok("https://t@dev.azure.com/shop/sales/_git/tools"),
            ),
        ];
        for (name, provider, providers, expected) in cases {
            match (address(name, provider, providers), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{name}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
