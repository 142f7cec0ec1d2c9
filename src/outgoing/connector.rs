//! Connects to judged addresses only.

use std::rc::Rc;
use std::task::{Context, Poll};

use actix_service::Service;
use actix_tls::connect::tcp::TcpConnectorService;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, ResolverService};
use awc::http::Uri;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;

use super::guard::{AddressRules, Forbidden};
use super::url::ForbiddenHost;

/// Resolves a host, judges every address it has, and connects to exactly those.
///
/// A name that has a forbidden address among its own is refused altogether. Between the judgement
/// and the connection nothing is resolved again, so a name that changes cannot slip through. Hosts
/// that are addresses already are judged as well: a resolver of ours would never be asked for them.
#[derive(Clone)]
pub(super) struct GuardedConnect {
    rules: Rc<AddressRules>,
    resolver: ResolverService,
}

impl GuardedConnect {
    pub(super) fn new(rules: AddressRules) -> Self {
        Self { rules: Rc::new(rules), resolver: ResolverService::default() }
    }
}

impl Service<ConnectInfo<Uri>> for GuardedConnect {
    type Response = Connection<Uri, TcpStream>;
    /// A refusal is [`ConnectError::Resolver`] with a [`ForbiddenHost`] in it.
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, target: ConnectInfo<Uri>) -> Self::Future {
        let rules = self.rules.clone();
        let resolving = self.resolver.call(target);
        async move {
            let resolved = resolving.await?;
            judge_all(&resolved, &rules).map_err(|forbidden| ConnectError::Resolver(Box::new(forbidden)))?;
            TcpConnectorService::default().call(resolved).await
        }
        .boxed_local()
    }
}

/// The address itself stays out of the error: it would reveal what inner names resolve to.
fn judge_all(target: &ConnectInfo<Uri>, rules: &AddressRules) -> Result<(), ForbiddenHost> {
    for address in target.addrs() {
        rules
            .judge(target.hostname(), address.ip())
            .map_err(|Forbidden { kind, .. }| ForbiddenHost { host: target.hostname().to_owned(), kind })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::net::{SocketAddr, TcpListener};

    use actix_tls::connect::Resolve;

    use super::*;
    use crate::outgoing::guard::AddressKind;

    /// Answers every name with the same addresses.
    struct Fixed(Vec<SocketAddr>);

    impl Resolve for Fixed {
        fn lookup<'a>(
            &'a self,
            _: &'a str,
            _: u16,
        ) -> LocalBoxFuture<'a, Result<Vec<SocketAddr>, Box<dyn Error>>> {
            let addresses = self.0.clone();
            async move { Ok(addresses) }.boxed_local()
        }
    }

    async fn connect(
        url: &str,
        rules: AddressRules,
        resolver: ResolverService,
    ) -> Result<SocketAddr, Option<AddressKind>> {
        let connect = GuardedConnect { rules: Rc::new(rules), resolver };
        match connect.call(ConnectInfo::new(url.parse().unwrap())).await {
            Ok(connection) => Ok(connection.peer_addr().unwrap()),
            Err(ConnectError::Resolver(error)) => Err(error.downcast_ref::<ForbiddenHost>().map(|f| f.kind)),
            Err(_) => Err(None),
        }
    }

    fn strict() -> AddressRules {
        AddressRules::default()
    }

    fn allowing(private: bool, list: &[&str]) -> AddressRules {
        AddressRules::new(private, &list.iter().map(|entry| entry.to_string()).collect::<Vec<_>>()).unwrap()
    }

    fn open() -> AddressRules {
        allowing(true, &[])
    }

    #[actix_rt::test]
    async fn a_public_looking_name_with_an_inner_address_is_refused() {
        for address in ["127.0.0.1:80", "[::ffff:127.0.0.1]:80", "[64:ff9b::a9fe:a9fe]:80", "10.0.0.1:80"] {
            let resolver = ResolverService::custom(Fixed(vec![address.parse().unwrap()]));
            let outcome = connect("http://public.example/", strict(), resolver).await;
            assert!(matches!(outcome, Err(Some(_))), "{address}: {outcome:?}");
        }
    }

    #[actix_rt::test]
    async fn one_forbidden_address_among_public_ones_is_enough() {
        let addresses = ["8.8.8.8:80", "169.254.169.254:80"].map(|address| address.parse().unwrap());
        let resolver = ResolverService::custom(Fixed(addresses.to_vec()));
        let outcome = connect("http://public.example/", open(), resolver).await;
        assert_eq!(outcome, Err(Some(AddressKind::Metadata)));
    }

    #[actix_rt::test]
    async fn literal_addresses_are_checked_without_a_resolver() {
        for url in ["http://127.0.0.1/", "https://[::1]/", "http://[::ffff:7f00:1]/", "http://2130706433/"] {
            let outcome = connect(url, strict(), ResolverService::default()).await;
            assert_eq!(outcome, Err(Some(AddressKind::Loopback)), "{url}");
        }
    }

    #[actix_rt::test]
    async fn the_connection_goes_to_the_address_that_was_judged() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let resolver = ResolverService::custom(Fixed(vec![address]));
        assert_eq!(connect("http://hook.example/", open(), resolver).await, Ok(address));
    }

    #[actix_rt::test]
    async fn allowed_names_and_networks_may_be_internal() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for list in [["hook.example"], ["127.0.0.0/8"]] {
            let resolver = ResolverService::custom(Fixed(vec![address]));
            let rules = allowing(false, &list);
            assert_eq!(connect("http://hook.example/", rules, resolver).await, Ok(address), "{list:?}");
        }
        let resolver = ResolverService::custom(Fixed(vec![address]));
        let other = connect("http://other.example/", allowing(false, &["hook.example"]), resolver).await;
        assert_eq!(other, Err(Some(AddressKind::Loopback)));
    }
}
