//! The handler that does nothing: it reads the whole body, and answers with as many bytes as the path says.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use porthole_tests::failure::Result;

/// The longest answer.
const LONGEST: usize = 1 << 20;

pub(crate) fn serve(directory: &Path) -> Result<()> {
    let router = Router::new()
        .route("/mutate/{bytes}", post(answer))
        .route("/validate/{bytes}", post(answer));
    super::server::serve(directory, router)
}

async fn answer(extract::Path(bytes): extract::Path<usize>, body: Bytes) -> impl IntoResponse {
    // It was read to its end before this is called.
    drop(body);
    (
        [(CONTENT_TYPE, "application/json")],
        vec![b' '; bytes.min(LONGEST)],
    )
}
