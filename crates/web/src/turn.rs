//! Answers take turns: drawing one takes memory and a core, and who asks faster than they are drawn waits, up to a limit.

use crate::fault::{ApiFault, PageFault};
use crate::guard::Signed;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use countersign_control::{Fault, Turns};
use std::sync::Arc;

/// Answers made at the same time.
const AT_ONCE: usize = 64;
/// Answers that wait for that.
const WAITING_MAX: usize = 512;

/// The line for all of them.
pub(crate) fn line() -> Arc<Turns> {
    Arc::new(Turns::new(AT_ONCE, WAITING_MAX))
}

/// Waits for a turn. It stands behind the gate, which has the whole body by then: whoever sends slowly keeps none busy.
/// Bodies of people not signed in come in later, so theirs take no turn; what they cost has limits of its own.
pub(crate) async fn take(State(line): State<Arc<Turns>>, request: Request, next: Next) -> Response {
    let whole = request.method().is_safe() || request.extensions().get::<Signed>().is_some();
    if !whole {
        return next.run(request).await;
    }
    let for_a_program = request.uri().path().starts_with("/api/");
    match (line.take().await, for_a_program) {
        (Some(_turn), _) => next.run(request).await,
        (None, true) => ApiFault(Fault::Busy).into_response(),
        (None, false) => PageFault(Fault::Busy).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::http::{StatusCode, header};
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::routing::get;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_told_when_to_come_again() {
        let (line, go) = (Arc::new(Turns::new(1, 2)), Arc::new(Notify::new()));
        let drawn = go.clone();
        let slow = get(move || async move { drawn.notified().await });
        let slow = slow.layer(from_fn_with_state(line.clone(), take));
        let router = Router::new().route("/", slow).layer(from_fn(crate::headers::add));
        let ask = |router: Router| async move {
            let request = Request::builder().uri("/").body(Body::empty()).expect("a request");
            router.oneshot(request).await.expect("a router always answers")
        };
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(ask(router.clone()))).collect();
        while line.places_left() > 0 {
            tokio::task::yield_now().await;
        }
        let told = ask(router.clone()).await;
        assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(told.headers().contains_key(header::RETRY_AFTER));
        for one in waiting {
            go.notify_one();
            assert_eq!(one.await.expect("it ends").status(), StatusCode::OK);
        }
    }
}
