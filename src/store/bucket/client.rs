//! The client of a bucket, from its address and the environment.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::multipart::MultipartStore;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, CredentialProvider, Error, ObjectStore, RetryConfig,
};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use tokio::time::timeout;
use url::Url;

use crate::store::recordings::OpenBlobsError;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The longest that a request may take to be sent, and an answer to continue. Of a part of an upload it asks 2.2 Mbit/s.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// After this a request is not tried again: its caller gets the error.
const RETRY_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// Asking a metadata server that is not there takes as long as the network takes.
const CREDENTIALS_LIMIT: Duration = Duration::from_secs(15);

/// A bucket whose uploads in parts can be ended by another process.
pub(super) trait Bucket: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Bucket for T {}

/// Where the credentials of a scheme come from.
pub(super) fn variables(url: &Url) -> &'static str {
    match url.scheme() {
        "gs" => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
        "az" => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        _ => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    }
}

/// A client of the bucket at `url`, with credentials of the environment, or of the machine's own role where the environment
/// has none. Whether the bucket is there is not asked.
///
/// # Errors
/// There are no credentials, or the environment has a setting that cannot be used.
pub(super) async fn connect(url: &Url, tls: Arc<ClientConfig>) -> Result<Arc<dyn Bucket>, OpenBlobsError> {
    let connector = Connector { tls };
    match url.scheme() {
        "gs" => {
            let bucket = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
            let bucket = bucket.with_retry(retries()).with_http_connector(connector).build();
            usable(url, bucket, GoogleCloudStorage::credentials).await
        }
        "az" => {
            let bucket = MicrosoftAzureBuilder::from_env().with_url(url.as_str());
            let bucket = bucket.with_retry(retries()).with_http_connector(connector).build();
            usable(url, bucket, MicrosoftAzure::credentials).await
        }
        _ => {
            let bucket = AmazonS3Builder::from_env().with_url(url.as_str());
            // Not every server has the request that removes several at once.
            let bucket = bucket.with_disable_bulk_delete(true);
            let bucket = bucket.with_retry(retries()).with_http_connector(connector).build();
            usable(url, bucket, AmazonS3::credentials).await
        }
    }
}

/// The client, once it has credentials.
async fn usable<B: Bucket, T>(
    url: &Url,
    bucket: Result<B, Error>,
    credentials: fn(&B) -> &Arc<dyn CredentialProvider<Credential = T>>,
) -> Result<Arc<dyn Bucket>, OpenBlobsError> {
    let bucket = bucket
        .map_err(|error| OpenBlobsError::Unusable { url: url.to_string(), detail: error.to_string() })?;
    let detail = match timeout(CREDENTIALS_LIMIT, credentials(&bucket).get_credential()).await {
        Ok(Ok(_)) => return Ok(Arc::new(bucket)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the machine has no role either".into(),
    };
    Err(OpenBlobsError::NoCredentials { url: url.to_string(), variables: variables(url), detail })
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: LONGEST_BACKOFF, ..BackoffConfig::default() };
    RetryConfig { backoff, retry_timeout: RETRY_LIMIT, ..RetryConfig::default() }
}

/// Makes HTTP clients with the TLS of all other outgoing requests.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) tls: Arc<ClientConfig>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_http =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|allows| allows == "true");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured((*self.tls).clone())
            .https_only(!allows_http)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT)
            .build();
        let client =
            client.map_err(|error| Error::Generic { store: "HTTP client", source: Box::new(error) })?;
        Ok(HttpClient::new(client))
    }
}
