//! The URL of `-L`.

use sealmq_client::{BrokerUrl, Scheme, UrlError};

#[test]
fn a_url_holds_login_place_and_topic() {
    let url = BrokerUrl::parse("mqtts://joe@example.org:p%40ss@broker:8884/a/b").unwrap();
    assert_eq!((url.scheme, url.host.as_str(), url.port), (Scheme::Mqtts, "broker", Some(8884)));
    assert_eq!(url.username.as_deref(), Some("joe@example.org"));
    assert_eq!(url.password.as_deref().map(String::as_str), Some("p@ss"));
    assert_eq!(url.topic, "a/b");
    assert!(!format!("{url:?}").contains("p@ss"));
    assert_eq!(BrokerUrl::parse("mqtt://[::1]:1884/t").unwrap().host, "::1");
}

#[test]
fn what_is_no_such_url_is_refused() {
    assert!(matches!(BrokerUrl::parse("http://host/t"), Err(UrlError::Scheme { .. })));
    assert_eq!(BrokerUrl::parse("mqtt://host"), Err(UrlError::TopicMissing));
    assert_eq!(BrokerUrl::parse("mqtt://:1883/t"), Err(UrlError::HostMissing));
    assert!(matches!(BrokerUrl::parse("mqtt://host:0/t"), Err(UrlError::Port { .. })));
    assert!(matches!(BrokerUrl::parse("mqtt://a%zz@host/t"), Err(UrlError::Percent { .. })));
}
