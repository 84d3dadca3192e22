//! Everything over plain HTTP: the chat page, embedded in the binary.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use everwire::HostPolicy;
use everwire::axum::Upgrade;
use http::{HeaderValue, StatusCode, header};

use super::endpoints::{Endpoint, Endpoints, Raw};

/// Scripts and styles are the server's own, and nothing else is loaded; the page may open
/// WebSockets, and may not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($folder:literal: $(($path:literal, $kind:expr, $file:literal),)*) => {
        &[$(($path, $kind, include_str!(concat!($folder, $file)))),*]
    };
}

/// Where a file is served, its content type and its content.
type File = (&'static str, &'static str, &'static str);

/// The chat page.
const PAGE: &[File] = files![
    "../../page/":
    ("/", HTML, "index.html"),
    ("/style.css", CSS, "style.css"),
    ("/favicon.svg", SVG, "favicon.svg"),
    ("/composer.js", JS, "composer.js"),
    ("/connection.js", JS, "connection.js"),
    ("/element.js", JS, "element.js"),
    ("/entry.js", JS, "entry.js"),
    ("/format.js", JS, "format.js"),
    ("/identity.js", JS, "identity.js"),
    ("/main.js", JS, "main.js"),
    ("/message.js", JS, "message.js"),
    ("/people.js", JS, "people.js"),
    ("/place.js", JS, "place.js"),
    ("/room.js", JS, "room.js"),
    ("/rooms.js", JS, "rooms.js"),
    ("/roundtrips.js", JS, "roundtrips.js"),
    ("/sparkline.js", JS, "sparkline.js"),
    ("/status.js", JS, "status.js"),
    ("/storage.js", JS, "storage.js"),
    ("/transcript.js", JS, "transcript.js"),
];

/// The client for browsers, for this page and for those of others.
const CLIENT: &[File] = files![
    "../../../../clients/js/src/":
    ("/everwire/alarm.js", JS, "alarm.js"),
    ("/everwire/attempts.js", JS, "attempts.js"),
    ("/everwire/classify.js", JS, "classify.js"),
    ("/everwire/connection.js", JS, "connection.js"),
    ("/everwire/environment.js", JS, "environment.js"),
    ("/everwire/events.js", JS, "events.js"),
    ("/everwire/farewell.js", JS, "farewell.js"),
    ("/everwire/heartbeat.js", JS, "heartbeat.js"),
    ("/everwire/index.js", JS, "index.js"),
    ("/everwire/lifeline.js", JS, "lifeline.js"),
    ("/everwire/message.js", JS, "message.js"),
    ("/everwire/options.js", JS, "options.js"),
    ("/everwire/outbox.js", JS, "outbox.js"),
    ("/everwire/outgoing.js", JS, "outgoing.js"),
    ("/everwire/ready-state.js", JS, "ready-state.js"),
    ("/everwire/reconnector.js", JS, "reconnector.js"),
    ("/everwire/reliable-websocket.js", JS, "reliable-websocket.js"),
    ("/everwire/retry.js", JS, "retry.js"),
    ("/everwire/target.js", JS, "target.js"),
    ("/everwire/watchdog.js", JS, "watchdog.js"),
    ("/everwire/hub/answers.js", JS, "hub/answers.js"),
    ("/everwire/hub/client-message.js", JS, "hub/client-message.js"),
    ("/everwire/hub/client.js", JS, "hub/client.js"),
    ("/everwire/hub/close-code.js", JS, "hub/close-code.js"),
    ("/everwire/hub/config.js", JS, "hub/config.js"),
    ("/everwire/hub/connecting.js", JS, "hub/connecting.js"),
    ("/everwire/hub/core.js", JS, "hub/core.js"),
    ("/everwire/hub/driver.js", JS, "hub/driver.js"),
    ("/everwire/hub/ending.js", JS, "hub/ending.js"),
    ("/everwire/hub/epochs.js", JS, "hub/epochs.js"),
    ("/everwire/hub/error.js", JS, "hub/error.js"),
    ("/everwire/hub/flush.js", JS, "hub/flush.js"),
    ("/everwire/hub/hub-message.js", JS, "hub/hub-message.js"),
    ("/everwire/hub/index.js", JS, "hub/index.js"),
    ("/everwire/hub/input.js", JS, "hub/input.js"),
    ("/everwire/hub/numbering.js", JS, "hub/numbering.js"),
    ("/everwire/hub/options.js", JS, "hub/options.js"),
    ("/everwire/hub/outbox.js", JS, "hub/outbox.js"),
    ("/everwire/hub/output.js", JS, "hub/output.js"),
    ("/everwire/hub/payload.js", JS, "hub/payload.js"),
    ("/everwire/hub/pulse.js", JS, "hub/pulse.js"),
    ("/everwire/hub/read.js", JS, "hub/read.js"),
    ("/everwire/hub/reader.js", JS, "hub/reader.js"),
    ("/everwire/hub/receiving.js", JS, "hub/receiving.js"),
    ("/everwire/hub/requests.js", JS, "hub/requests.js"),
    ("/everwire/hub/roster.js", JS, "hub/roster.js"),
    ("/everwire/hub/session.js", JS, "hub/session.js"),
    ("/everwire/hub/subscription.js", JS, "hub/subscription.js"),
    ("/everwire/hub/subscriptions.js", JS, "hub/subscriptions.js"),
    ("/everwire/hub/target.js", JS, "hub/target.js"),
    ("/everwire/hub/topic.js", JS, "hub/topic.js"),
    ("/everwire/hub/values.js", JS, "hub/values.js"),
];

/// The page, and the endpoints for WebSockets that come over a kept-alive connection.
pub(super) fn router(endpoints: &Endpoints, hosts: HostPolicy) -> Router {
    let mut router = Router::new();
    for &(path, kind, content) in PAGE {
        let file = async move || ([(header::CONTENT_TYPE, kind)], content);
        router = router.route(path, get(file));
    }
    for &(path, kind, content) in CLIENT {
        // A module from another origin needs leave; it is public.
        let leave = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        let file = async move || ([(header::CONTENT_TYPE, kind), leave], content);
        router = router.route(path, get(file));
    }
    for (path, raw) in [("/echo", Raw::Echo), ("/broadcast", Raw::Broadcast)] {
        let endpoints = endpoints.clone();
        let open = async move |upgrade: Upgrade| {
            let endpoints = endpoints.clone();
            upgrade
                .acceptor(endpoints.acceptor(Endpoint::Raw(raw)))
                .on_open(async move |socket| endpoints.start(raw, socket))
        };
        router = router.route(path, get(open));
    }
    for path in ["/hub", "/hub/{room}"] {
        let endpoints = endpoints.clone();
        let open = async move |upgrade: Upgrade| {
            endpoints.hub.upgrade(upgrade.acceptor(endpoints.acceptor(Endpoint::Hub)))
        };
        router = router.route(path, get(open));
    }
    router
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::map_response(secure))
        .layer(middleware::from_fn(move |request, next| check_host(hosts.clone(), request, next)))
}

/// Refuses names that are not this server's: a page of another site must not reach it through a
/// name that resolves here.
async fn check_host(hosts: HostPolicy, request: Request, next: Next) -> Response {
    if hosts.allows_headers(request.headers()) {
        return next.run(request).await;
    }
    let text = "this server does not go by that name; see --host\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
