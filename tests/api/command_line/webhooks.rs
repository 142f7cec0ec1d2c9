//! `verbatim webhooks`.

use super::{client, errors, printed};
use crate::service::Service;
use crate::sink::{Sink, status};

#[test]
fn a_subscriber_is_added_tested_listed_and_removed() {
    let sink = Sink::start(|_, _| status(204));
    let service = Service::start_with(&[("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true")]);
    let url = sink.url("/hook");
    let added = printed(&mut client(&service, &["webhooks", "add", &url, "--new-secret"]));
    let id = added.split_whitespace().nth(1).unwrap().to_owned();
    assert!(added.contains("\nsecret whsec_"), "{added}");
    let tested = printed(&mut client(&service, &["webhooks", "test", &id]));
    assert!(tested.starts_with("delivered: status 2"), "{tested}");
    let listed = printed(&mut client(&service, &["webhooks", "list"]));
    assert!(listed.contains(&format!("{id}  active")) && listed.contains(&url), "{listed}");
    assert_eq!(printed(&mut client(&service, &["webhooks", "rm", &id])), format!("removed {id}\n"));
    let gone = client(&service, &["webhooks", "test", &id]).output().unwrap();
    assert_eq!(gone.status.code(), Some(1));
    assert!(errors(&gone).contains("webhook_not_found"), "{}", errors(&gone));
}
