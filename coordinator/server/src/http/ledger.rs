//! `GET /audit`: what operators did, the latest first, found by who, what and when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_protocol::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::extract::Asked;
use super::page::question::Question;
use super::page::{cut, length};
use super::query::{moment, search};
use crate::core::Core;
use crate::store::{AuditFilter, Reader, StoreError};
use muster_api::{AuditView, Page};

/// What the log is asked with.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    #[serde(skip_serializing)]
    cursor: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<usize>,
    since: Option<String>,
    until: Option<String>,
    token: Option<String>,
    operator: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    q: Option<String>,
}

/// `GET /audit`
pub async fn audit(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<AuditQuery>,
) -> Result<Json<Page<AuditView>>, ApiError> {
    let (now, limit) = (core.clock.now(), length(asked.limit)?);
    let question = Question::new("audit", &asked);
    // Lengths of time count from the first page on.
    let key: Option<(i64, i64)> = question.key(asked.cursor.as_deref())?;
    let (then, after) = key.map_or((now, None), |(then, after)| (Timestamp(then), Some(after)));
    let filter = asked.filter(then)?;
    let read = move |reader: &Reader| {
        let mut numbers = reader.audit_numbers(&filter, after, limit.saturating_add(1))?;
        let last = cut(&mut numbers, limit).copied();
        let lines = reader.audit(&numbers)?;
        Ok::<_, StoreError>((last, lines, reader.count_audit(&filter)?))
    };
    let (last, lines, total) = core.read(read).await.map_err(ApiError::from)?;
    let shown = lines.into_iter().map(AuditView::from);
    let next = last.map(|last| question.cursor(&(then.0, last)));
    Ok(Json(Page { items: shown.collect(), next, total, as_of: now.into() }))
}

impl AuditQuery {
    fn filter(&self, now: Timestamp) -> Result<AuditFilter, ApiError> {
        Ok(AuditFilter {
            since: moment("since", self.since.as_deref(), now)?,
            until: moment("until", self.until.as_deref(), now)?,
            token: self.token.clone(),
            operator: self.operator.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            text: search(self.q.as_deref())?,
        })
    }
}
