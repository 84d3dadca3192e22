//! Which proxy is taken, if any.

use std::net::SocketAddr;

use everwire::{ConnectError, Connector, InvalidProxy};
use tokio::net::TcpStream;

use crate::opening::read_head;
use crate::played::{converse, echo_once, play, proxy_error};

/// Variables as a closure.
fn variables(list: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let list: Vec<(String, String)> =
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |asked| {
        let found = list.iter().find(|(name, _)| name == asked);
        found.map(|(_, value)| value.clone())
    }
}

/// The server that the proxy in these variables is asked for.
async fn asked_for(uri: &str, variable: &str) -> String {
    let proxy = play(async |mut stream: TcpStream| read_head(&mut stream).await).await;
    let lookup = variables(&[(variable, &proxy.address.to_string())]);
    proxy_error(Connector::new().proxy_variables(lookup).connect(uri).await);
    let head = proxy.end().await;
    head.split(' ').nth(1).unwrap().to_owned()
}

/// This test starts itself once more, with a variable set, because a process must not change its own.
#[tokio::test]
async fn the_environment_of_the_process_is_the_default() {
    const CHILD: &str = "EVERWIRE_TEST_CHILD";
    const NAME: &str = "choosing::the_environment_of_the_process_is_the_default";
    if std::env::var_os(CHILD).is_some() {
        proxy_error(Connector::new().connect("ws://server.example/").await);
        return;
    }
    let proxy = play(async |mut stream: TcpStream| read_head(&mut stream).await).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", NAME]).env(CHILD, "1").env("ws_proxy", proxy.address.to_string());
    for other in ["no_proxy", "NO_PROXY"] {
        child.env_remove(other);
    }
    let output = child.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(proxy.end().await.starts_with("CONNECT server.example:80 HTTP/1.1\r\n"));
}

fn nobody() -> SocketAddr {
    // RFC 5737: never anybody.
    "192.0.2.1:1".parse().unwrap()
}

#[tokio::test]
async fn a_variable_leads_to_the_proxy() {
    for name in ["ws_proxy", "WS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        assert_eq!(asked_for("ws://server.example/", name).await, "server.example:80", "{name}");
    }
    #[cfg(feature = "tls")]
    for name in ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        assert_eq!(asked_for("wss://server.example/", name).await, "server.example:443", "{name}");
    }
}

#[tokio::test]
async fn this_machine_is_reached_directly_whatever_the_variables_say() {
    let (server, served) = echo_once().await;
    let lookup = variables(&[("all_proxy", &format!("http://{}", nobody()))]);
    let connector = Connector::new().proxy_variables(lookup);
    converse(connector.connect(&format!("ws://{server}/")).await.unwrap()).await;
    served.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_the_program_names_is_taken_for_this_machine_too() {
    let (server, _served) = echo_once().await;
    let proxy = play(async |mut stream: TcpStream| read_head(&mut stream).await).await;
    let connector = proxy.connector("http://").clone();
    proxy_error(connector.connect(&format!("ws://{server}/")).await);
    assert!(proxy.end().await.starts_with(&format!("CONNECT {server} ")));
}

#[tokio::test]
async fn what_was_said_last_counts() {
    let proxy = play(async |mut stream: TcpStream| read_head(&mut stream).await).await;
    let (server, served) = echo_once().await;
    let connector = proxy.connector("http://").no_proxy();
    converse(connector.clone().connect(&format!("ws://{server}/")).await.unwrap()).await;
    served.await.unwrap();
    proxy_error(connector.proxy(proxy.proxy("http://")).connect("ws://server.example/").await);
    proxy.end().await;
}

#[tokio::test]
async fn a_variable_that_is_no_proxy_is_an_error_and_no_direct_connection() {
    let lookup = variables(&[("http_proxy", "http://user:hunter2@proxy/path")]);
    let connector = Connector::new().proxy_variables(lookup);
    let error = connector.connect("ws://server.example/").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    assert!(error.to_string().starts_with("environment variable `http_proxy`: "), "{error}");
    match error {
        ConnectError::ProxyVariable(error) => assert_eq!(error.error, InvalidProxy::Path),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_of_the_programs_own_goes_through_no_proxy() {
    let (server, served) = echo_once().await;
    let stream = TcpStream::connect(server).await.unwrap();
    let lookup = variables(&[("all_proxy", &format!("http://{}", nobody()))]);
    let connector = Connector::new().proxy_variables(lookup);
    converse(connector.handshake_over(stream, "ws://server.example/").await.unwrap()).await;
    served.await.unwrap();
}

#[test]
fn passwords_are_not_in_debug_output() {
    let proxy = everwire::Proxy::parse("http://alice:hunter2@proxy:3128").unwrap();
    let text = format!("{:?}", Connector::new().proxy(proxy));
    assert!(text.contains("http://proxy:3128"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("alice"), "{text}");
    let lookup = variables(&[("all_proxy", "http://alice:hunter2@proxy:3128")]);
    let text = format!("{:?}", Connector::new().proxy_variables(lookup));
    assert!(!text.contains("hunter2"), "{text}");
}
