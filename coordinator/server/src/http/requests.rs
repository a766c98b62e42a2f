//! `/requests/{id}`: a request as it was signed, decoded, and its exact bytes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_api::RequestView;
use muster_api::command::command;
use muster_api::decoded::arguments;
use muster_protocol::limits::{CERTIFICATE_BYTES_MAX, REQUEST_BYTES_MAX};
use muster_protocol::request::trust::{Certificate, Grant};
use muster_protocol::request::{Control, Kind, sign};
use muster_protocol::wire;
use serde_json::Value;

use super::error::ApiError;
use super::extract::Segments;
use crate::core::Core;
use crate::store::{Found, Reader, StoreError, StoredRequest};

/// Finds the one request of any kind whose id begins so.
fn find(reader: &Reader, prefix: &str) -> Result<StoredRequest, ApiError> {
    let next = "muster hunt list, muster profile list, muster audit";
    match reader.find_any(prefix)? {
        Found::One(request) => Ok(request),
        Found::None => Err(ApiError::missing("request", prefix, next)),
        Found::Many(count) => Err(ApiError::usage(
            format!("{prefix:?} stands for {count} of them"),
            "the beginning of an id must be unique",
            next,
        )),
    }
}

/// `GET /requests/{id}`
pub async fn show(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<RequestView>, ApiError> {
    let read = move |reader: &Reader| {
        let request = find(reader, &id)?;
        view(reader, &request).map_err(ApiError::from)
    };
    core.read(read).await.map(Json)
}

/// `GET /requests/{id}/sealed`: what `muster hunt seal` wrote, for who wants to check it by themselves.
pub async fn sealed(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    let read = move |reader: &Reader| {
        let request = find(reader, &id)?;
        let bytes = wire::encode(&request.sealed).map_err(StoreError::from)?;
        Ok::<_, ApiError>(([(CONTENT_TYPE, "application/msgpack")], bytes).into_response())
    };
    core.read(read).await
}

fn view(reader: &Reader, request: &StoredRequest) -> Result<RequestView, StoreError> {
    let sealed = &request.sealed;
    let body = sign::body_of(sealed).map_err(|error| StoreError::Broken(error.to_string()))?;
    let grant = grant(&sealed.cert);
    let about = match body.kind {
        Kind::Control => {
            let control = wire::decode::<Control>(&body.args, REQUEST_BYTES_MAX)?;
            let about = reader.request(&control.about)?;
            about.and_then(|about| Kind::parse(&about.kind))
        }
        _ => None,
    };
    let json = |value: Result<Value, serde_json::Error>| {
        value.map_err(|error| StoreError::Broken(error.to_string()))
    };
    Ok(RequestView {
        id: request.id.to_string(),
        kind: request.kind.clone(),
        key: body.key.to_string(),
        operator: request.operator.clone(),
        capabilities: grant.as_ref().map(|grant| grant.capabilities.clone()).unwrap_or_default(),
        certificate_until: grant.map(|grant| grant.not_after.into()),
        issued: body.issued.into(),
        expires: body.not_after.into(),
        target: body.target.expr.clone(),
        sample_ppm: body.target.sample_ppm,
        route: request.route.into(),
        limits: json(serde_json::to_value(&body.limits))?,
        arguments: arguments(&body).unwrap_or(Value::Null),
        command: command(&body, about).unwrap_or_default(),
        bytes: sealed.body.len() as u64,
    })
}

/// Returns what the root says of the key; nothing where the root itself signed.
fn grant(certificate: &[u8]) -> Option<Grant> {
    let certificate: Certificate = wire::decode(certificate, CERTIFICATE_BYTES_MAX).ok()?;
    wire::decode(&certificate.grant, CERTIFICATE_BYTES_MAX).ok()
}
