//! The calls of AWS's SDK, and the words for what it refuses, which name the profile's keys.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::region;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_redshift::config::{Credentials, ProvideCredentials, SharedHttpClient};
use aws_sdk_redshift::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};

use crate::adapter::redshift::sign_in::{Identity, Pass, Place, Request};
use crate::adapter::{AdapterError, ErrorKind};

/// How long one connection, one attempt and all attempts may take.
const TIMES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(45)];

/// See [`super::fetch`]. Templates and other threads wait meanwhile: the SDK's tasks run on this thread.
pub fn fetch(request: &Request) -> Result<Pass, AdapterError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| AdapterError::connection(format!("AWS cannot be asked: {error}")))?;
    runtime.block_on(ask(request))
}

async fn ask(request: &Request) -> Result<Pass, AdapterError> {
    let config = config(request).await;
    if config.region().is_none() {
        return Err(AdapterError::connection(
            "no AWS region is known: neither `region` nor `host` of the target names it, nor does the environment",
        )
        .with_hint("add `region` to the target in `profiles.yml`"));
    }
    let config = signed(config, request).await?;
    let pass = match &request.place {
        Place::Cluster { id, user: Some(user) } => {
            let call = aws_sdk_redshift::Client::new(&config).get_cluster_credentials();
            let call = call.cluster_identifier(id).db_name(&request.database).db_user(&user.name);
            let groups = Some(user.groups.clone()).filter(|groups| !groups.is_empty());
            let answer = call.auto_create(user.create).set_db_groups(groups).send().await;
            let answer = answer.map_err(|error| refused(request, "redshift:GetClusterCredentials", error))?;
            pass(answer.db_user, answer.db_password, answer.expiration)
        }
        Place::Cluster { id, user: None } => {
            let call = aws_sdk_redshift::Client::new(&config).get_cluster_credentials_with_iam();
            let answer = call.cluster_identifier(id).db_name(&request.database).send().await;
            let answer = answer.map_err(|error| refused(request, "redshift:GetClusterCredentialsWithIAM", error))?;
            pass(answer.db_user, answer.db_password, answer.expiration)
        }
        Place::Serverless { workgroup } => {
            let call = aws_sdk_redshiftserverless::Client::new(&config).get_credentials();
            let answer = call.workgroup_name(workgroup).db_name(&request.database).send().await;
            let answer = answer.map_err(|error| refused(request, "redshift-serverless:GetCredentials", error))?;
            pass(answer.db_user, answer.db_password, answer.expiration)
        }
    };
    pass.ok_or_else(|| AdapterError::connection("AWS answered without a user and a password"))
}

fn pass(
    user: Option<String>,
    password: Option<String>,
    expires: Option<aws_sdk_redshift::primitives::DateTime>,
) -> Option<Pass> {
    let expires = expires.and_then(|moment| SystemTime::try_from(moment).ok());
    Some(Pass { user: user?, password: password?, expires })
}

/// The configuration of the environment and of AWS's files, as whom and where the target says.
async fn config(request: &Request) -> SdkConfig {
    let http = http();
    let [connect, attempt, all] = TIMES;
    let timeouts = TimeoutConfig::builder().connect_timeout(connect).operation_attempt_timeout(attempt);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts.operation_timeout(all).build());
    let loader = match &request.region {
        Some(region) => loader.region(Region::new(region.clone())),
        None => loader,
    };
    match &request.identity {
        Identity::Environment => loader.load().await,
        Identity::Keys { id, secret } => {
            loader.credentials_provider(Credentials::new(id, secret, None, None, "profiles.yml")).load().await
        }
        // The profile counts, also where the environment has credentials of its own.
        Identity::Profile(name) => {
            let region = match request.region.clone() {
                Some(region) => Some(Region::new(region)),
                None => region::Builder::default().profile_name(name).build().region().await,
            };
            let surroundings = ProviderConfig::without_region().with_region(region).with_http_client(http);
            let provider = ProfileFileCredentialsProvider::builder().configure(&surroundings).profile_name(name);
            loader.profile_name(name).credentials_provider(provider.build()).load().await
        }
    }
}

/// A client that goes by the proxy that the environment names.
fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(provider);
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        builder.build()
    })
}

/// With the credentials found, so that their lack is told from a refusal.
async fn signed(config: SdkConfig, request: &Request) -> Result<SdkConfig, AdapterError> {
    let none = || {
        let message = "no AWS credentials: not in the environment, a profile, a token, the container or the machine";
        AdapterError::connection(message)
    };
    let provider = config.credentials_provider().ok_or_else(none)?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let reason = reasons(&error);
        match &request.identity {
            Identity::Profile(name) => AdapterError::connection(format!("no AWS credentials: {reason}"))
                .with_hint(format!("look at `iam_profile: {name}` of the target in `profiles.yml`, and at that profile in AWS's own files (`aws sts get-caller-identity --profile {name}`)")),
            _ => AdapterError::connection(format!("no AWS credentials: {reason}"))
                .with_hint("name a profile by `iam_profile` of the target in `profiles.yml`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        }
    })?;
    let provider = aws_sdk_redshift::config::SharedCredentialsProvider::new(credentials);
    Ok(config.into_builder().credentials_provider(provider).build())
}

/// An error with what caused it, each reason once.
fn reasons(error: &dyn Error) -> String {
    let mut found = vec![error.to_string()];
    let mut next = error.source();
    while let Some(reason) = next {
        let text = reason.to_string();
        if !found.iter().any(|known| known.contains(&text)) {
            found.push(text);
        }
        next = reason.source();
    }
    found.join(": ")
}

/// What AWS answered, and which key of the target it is about.
fn refused<E>(request: &Request, action: &str, error: SdkError<E>) -> AdapterError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Some(service) = error.as_service_error() else {
        let region = match &request.region {
            Some(region) => format!("`region: {region}` of the target in `profiles.yml`"),
            None => "the region of the environment (`region` of the target in `profiles.yml` names another)".to_owned(),
        };
        return AdapterError::new(ErrorKind::Connection, format!("AWS cannot be reached: {}", reasons(&error)))
            .with_hint(format!("look at {region}, and at the network"));
    };
    let code = service.code().unwrap_or("unknown error").to_owned();
    let message = service.message().unwrap_or("no reason given");
    let refusal = AdapterError {
        code: Some(code.clone()),
        ..AdapterError::connection(format!("AWS gives no credentials for the database ({code}): {message}"))
    };
    let target = "of the target in `profiles.yml`";
    let identity = match &request.identity {
        Identity::Profile(name) => format!("`iam_profile: {name}` {target}"),
        Identity::Keys { .. } => format!("`access_key_id` and `secret_access_key` {target}"),
        Identity::Environment => format!("the environment's AWS credentials, or `iam_profile` {target}"),
    };
    let hint = match (code.as_str(), &request.place) {
        ("ClusterNotFound" | "ClusterNotFoundFault", Place::Cluster { id, .. }) => {
            format!("look at `cluster_id: {id}` and `region` {target}")
        }
        ("ResourceNotFoundException", Place::Serverless { workgroup }) => {
            format!("look at `serverless_work_group: {workgroup}` and `region` {target}")
        }
        ("ExpiredToken" | "ExpiredTokenException" | "RequestExpired", _) => {
            format!("these AWS credentials have expired, sign in to AWS again (`aws sso login`); look at {identity}")
        }
        ("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation", _) => {
            format!("the AWS identity must be allowed `{action}`; look at {identity}")
        }
        ("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException", _) => {
            format!(
                "AWS was asked too often, also by others of the account: run again later, or let AWS_MAX_ATTEMPTS be higher; {identity} said who asks"
            )
        }
        _ => format!("look at {identity}"),
    };
    refusal.with_hint(hint)
}
