//! What can be asked for: each type of the API, with the name that it has in an error.

use std::borrow::Cow;

use muster_api::views::{Diff, Lines, Top, Tree};
use muster_api::{
    AgentBrief, AgentRequest, AgentUpload, AgentView, AuditView, CollectionBrief, CollectionView,
    CurveView, DeadView, Doctor, EnrolledAgents, FleetCurve, FleetView, HuntBrief, HuntCosts,
    HuntErrors, HuntFile, HuntView, HuntWhy, Launched, ListPiece, Page, ProfileBrief, ProfileView,
    Rebuilt, RowView, SymbolsView, TargetPreview, TelemetryPage, TelemetryView, WhoHas,
};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::output::Document;

/// A body of an answer.
pub(crate) trait Answer: DeserializeOwned {
    /// Returns what it is called where it does not decode.
    fn name() -> Cow<'static, str>;
}

/// Reports an answer that is JSON and not what was asked for.
pub(super) fn broken<T: Answer>(error: serde_json::Error) -> Failure {
    Failure::bug(format!("the coordinator sent a broken {}", T::name()), error)
}

impl<T: Answer> Answer for Document<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }
}

impl<T: Answer> Answer for Vec<T> {
    fn name() -> Cow<'static, str> {
        format!("list of {}s", T::name()).into()
    }
}

impl<T: Answer> Answer for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("page of {}s", T::name()).into()
    }
}

macro_rules! answers {
    ($($view:ty: $name:literal,)*) => {$(
        impl Answer for $view {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

answers! {
    AuditView: "line of the audit log",
    DeadView: "count of dead letters",
    HuntErrors: "list of errors",
    AgentBrief: "agent",
    AgentRequest: "request",
    AgentUpload: "upload",
    AgentView: "agent",
    CollectionBrief: "collection",
    CollectionView: "collection",
    CurveView: "curve",
    Diff: "diff",
    Doctor: "report",
    EnrolledAgents: "enrolment",
    FleetCurve: "curve of the fleet",
    FleetView: "fleet",
    HuntBrief: "hunt",
    HuntCosts: "cost",
    HuntWhy: "explanation",
    HuntFile: "file",
    HuntView: "hunt",
    Launched: "launch",
    Lines: "list of lines",
    ListPiece: "piece of a list",
    ProfileBrief: "profile",
    ProfileView: "profile",
    Rebuilt: "rebuild",
    RowView: "row",
    SymbolsView: "symbol file",
    TargetPreview: "preview",
    TelemetryPage: "page of samples",
    TelemetryView: "sample",
    Top: "top",
    Tree: "tree",
    WhoHas: "answer to who-has",
}
