//! How many requests are answered, and how long that takes.

use std::sync::LazyLock;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use prometheus::{HistogramVec, register_histogram_vec};

use crate::http::service::Service;

/// Seconds: status requests take milliseconds, a call that waits for its transcript minutes.
const SECS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

#[expect(clippy::expect_used, reason = "name and labels are constants, registered once")]
static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "verbatim_http_request_duration_seconds",
        "From a request's head until the head of its answer, by pattern of the route, method and class of the status.",
        &["route", "method", "status"],
        SECS.to_vec()
    )
    .expect("the name is valid and no other metric has it")
});

/// The label of paths without a route, so that clients cannot add labels.
const NO_ROUTE: &str = "none";

/// Counts and times what is answered.
pub async fn measure_requests<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let begun = Instant::now();
    let response = next.call(request).await?;
    let (request, status) = (response.request(), response.status());
    let route = request.match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    let class = format!("{}xx", status.as_u16() / 100);
    let labels = [route.as_str(), method_name(request.method()), class.as_str()];
    DURATION.with_label_values(&labels).observe(begun.elapsed().as_secs_f64());
    if let Some(service) = request.app_data::<web::Data<Service>>() {
        service.answers.count(status);
    }
    Ok(response)
}

/// Clients may make up methods.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
