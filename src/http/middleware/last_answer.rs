//! The last answer on a connection.

use actix_http::ConnectionType;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;

use crate::http::service::Service;

/// Answers of a stopping service say that the connection is closed behind them, so that clients send their next request
/// on another one.
pub async fn announce_close<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let service = request.app_data::<web::Data<Service>>().cloned();
    let mut response = next.call(request).await?;
    if service.is_some_and(|service| service.is_stopping()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
