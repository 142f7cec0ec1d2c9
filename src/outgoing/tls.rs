//! TLS for outgoing requests.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tracing::{debug, warn};

/// A client configuration that trusts what the system trusts, private authorities included, and the
/// bundled public authorities where the system has none (slim container images). It offers HTTP/1.1
/// only and needs no process-wide crypto provider.
///
/// # Blocking
/// Reads the system's certificates: some milliseconds. Make it once and share it.
pub fn client_config() -> Arc<ClientConfig> {
    with_roots(roots())
}

#[allow(clippy::expect_used, reason = "ring supports both versions: this cannot fail at run time")]
pub fn with_roots(roots: RootCertStore) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The certificates that the system trusts; none in slim container images.
///
/// # Blocking
/// Reads them: some milliseconds.
pub fn system_roots() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!(%error, "some of the system's certificates could not be read");
    }
    found.certs
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(system_roots());
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    debug!(system = added, ignored, total = roots.len(), "root certificates read");
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_trusts_someone_and_speaks_http_1_only() {
        assert!(!roots().is_empty());
        assert_eq!(client_config().alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
