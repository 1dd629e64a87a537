//! The one table: every path, method, who may, and what answers. Nothing is reachable that is not a line here.

use crate::guard::{Gate, admit};
use crate::site::Site;
use crate::{api, assets, headers, live, origin, pages, turn};
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, response::Response};
use countersign_control::Control;
use countersign_core::Permission;
use std::time::Duration;
use tower_http::timeout::TimeoutLayer;

/// Most bytes a form or API call may carry, where nothing else is said.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Largest body of a request that may bring a change plan, whose text is at most 1 MiB before it is encoded.
const PLAN_BODY_BYTES_MAX: usize = 4 << 20;
/// Where such a body may come.
const BRINGS_PLAN: [&str; 2] = ["/access/{account}/reserve", "/api/v1/requests"];
/// Where a policy file may come, in a form encoded with up to three bytes for each of its own.
const BRINGS_POLICY: [&str; 3] = ["/configuration", "/api/v1/plan", "/api/v1/apply"];
/// Most bytes of a policy file.
pub(crate) const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// Longest a request may take; streams only need to begin within it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// For whom a route is. What somebody may do with one request or session is decided at each call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Signed out or in.
    Anyone,
    /// Anybody signed in.
    SignedIn,
    /// Whoever has a permission.
    May(Permission),
}

/// What a route answers with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surface {
    /// Pages for people.
    Page,
    /// JSON for programs.
    Api,
    /// Files that are the same for everybody.
    Asset,
}

/// One line of the table, without what answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteLine {
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// For whom.
    pub who: Who,
    /// For what.
    pub surface: Surface,
}

struct Route {
    line: RouteLine,
    answer: MethodRouter<Site>,
}

fn route<H, T>(method: Method, path: &'static str, who: Who, surface: Surface, handler: H) -> Route
where
    H: Handler<T, Site>,
    T: 'static,
{
    let (filter, name) = match method {
        Method::POST => (MethodFilter::POST, "POST"),
        Method::DELETE => (MethodFilter::DELETE, "DELETE"),
        _ => (MethodFilter::GET, "GET"),
    };
    Route { line: RouteLine { method: name, path, who, surface }, answer: on(filter, handler) }
}

macro_rules! who {
    (Anyone) => {
        Who::Anyone
    };
    (SignedIn) => {
        Who::SignedIn
    };
    ($permission:ident) => {
        Who::May(Permission::$permission)
    };
}

macro_rules! routes {
    ($surface:expr; $($method:ident $path:literal $who:ident => $handler:expr;)*) => {
        vec![$(route(Method::$method, $path, who!($who), $surface, $handler)),*]
    };
}

fn page_routes() -> Vec<Route> {
    use pages::{
        access, answer, approvals, audit, decide, delegations, invitation, keys, profile, request, requests, sessions,
        sign_in, why,
    };
    routes! { Surface::Page;
        GET "/sign-in" Anyone => sign_in::form;
        POST "/sign-in" Anyone => sign_in::submit;
        POST "/sign-out" SignedIn => sign_in::sign_out;
        GET "/invitation/{token}" Anyone => invitation::form;
        POST "/invitation/{token}" Anyone => invitation::submit;
        GET "/answer/{token}" Anyone => answer::show;
        POST "/answer/{token}" Anyone => answer::decide;
        GET "/" SignedIn => access::list;
        GET "/access/{account}/reserve" SignedIn => access::reserve;
        POST "/access/{account}/reserve" SignedIn => access::ask;
        GET "/access/{account}/connect" SignedIn => access::connect;
        POST "/access/{account}/connect" SignedIn => access::issue;
        GET "/my-requests" SignedIn => requests::mine;
        GET "/approvals" SignedIn => approvals::inbox;
        GET "/waiting" SignedIn => approvals::waiting;
        GET "/requests" ListRequests => requests::all;
        GET "/session-videos" ListReports => requests::my_videos;
        GET "/session-videos/approvals" SignedIn => requests::video_approvals;
        GET "/session-videos/history" ListRequests => requests::video_history;
        GET "/requests/{id}" SignedIn => request::show;
        POST "/requests/{id}/decision" SignedIn => decide::decision;
        POST "/requests/{id}/withdraw" SignedIn => decide::withdraw;
        POST "/requests/{id}/retract" SignedIn => decide::retract;
        POST "/requests/{id}/revoke" SignedIn => decide::revoke;
        POST "/requests/{id}/surrender" SignedIn => decide::surrender;
        POST "/requests/{id}/edit" SignedIn => decide::edit;
        POST "/requests/{id}/escalate" SignedIn => decide::escalate;
        POST "/requests/{id}/emergency" SignedIn => decide::emergency;
        POST "/requests/{id}/stop" SignedIn => decide::stop;
        GET "/sessions" SignedIn => sessions::list;
        POST "/sessions/{id}/terminate" TerminateSessions => sessions::terminate;
        GET "/sessions/{id}/transcript" SignedIn => sessions::transcript;
        POST "/sessions/{id}/export" SignedIn => sessions::export_transcript;
        POST "/sessions/{id}/terminals/{number}/export" SignedIn => sessions::export_terminal;
        GET "/sessions/{id}/typed" SignedIn => sessions::typed;
        GET "/sessions/{id}/watch" SignedIn => sessions::watch;
        POST "/sessions/{id}/watch" SignedIn => sessions::ask_to_watch;
        GET "/sessions/{id}/terminals/{number}" SignedIn => sessions::replay;
        GET "/sessions/{id}/terminals/{number}/cast" SignedIn => sessions::cast;
        GET "/audit" ListReports => audit::list;
        POST "/audit/export" ExportJournal => audit::export;
        GET "/why" SignedIn => why::explain;
        GET "/delegations" SignedIn => delegations::list;
        POST "/delegations" SignedIn => delegations::lend;
        POST "/delegations/{id}/end" SignedIn => delegations::end;
        GET "/profile" SignedIn => profile::show;
        POST "/profile/password" SignedIn => profile::change_password;
        POST "/profile/second-factor" SignedIn => profile::begin;
        POST "/profile/second-factor/finish" SignedIn => profile::finish;
        POST "/profile/second-factor/confirm" SignedIn => profile::confirm;
        POST "/profile/keys" SignedIn => keys::add;
        POST "/profile/keys/{id}/remove" SignedIn => keys::remove;
        GET "/live" SignedIn => live::follow;
    }
}

/// The pages of what is in force, and the forms that change it.
fn configuration_routes() -> Vec<Route> {
    use pages::{configuration, editing, people, roles, rules, things};
    routes! { Surface::Page;
        GET "/configuration" ReadConfiguration => configuration::show;
        POST "/configuration" ProposeChanges => configuration::propose;
        GET "/configuration/versions/{id}" ReadConfiguration => configuration::version;
        GET "/rules" ReadConfiguration => rules::list;
        GET "/rules/edit" ProposeChanges => rules::edit;
        POST "/rules" ProposeChanges => rules::change;
        GET "/workflows" ReadConfiguration => editing::workflows;
        GET "/workflows/edit" ProposeChanges => editing::workflow;
        POST "/workflows" ProposeChanges => editing::change_workflow;
        GET "/parameters" ReadConfiguration => editing::parameters;
        POST "/parameters" ProposeChanges => editing::change_parameters;
        GET "/accounts" ReadConfiguration => editing::accounts;
        POST "/accounts" ProposeChanges => things::add_account;
        GET "/accounts/{account}" ProposeChanges => editing::account;
        POST "/accounts/{account}" ProposeChanges => editing::change_account;
        GET "/roles" SignedIn => roles::show;
        GET "/roles/edit" ProposeChanges => things::role;
        POST "/roles" ProposeChanges => things::change_role;
        GET "/people" InvitePeople => people::list;
        POST "/people/{handle}/invitation" InvitePeople => people::invite;
        GET "/people/edit" ProposeChanges => things::person;
        POST "/people" ProposeChanges => things::change_person;
        GET "/groups" ReadConfiguration => things::groups;
        GET "/groups/edit" ProposeChanges => things::group;
        POST "/groups" ProposeChanges => things::change_group;
        GET "/devices" SignedIn => things::devices;
        GET "/devices/edit" ProposeChanges => things::device;
        POST "/devices" ProposeChanges => things::change_device;
        GET "/devices/account" ProposeChanges => things::new_account;
        GET "/device-groups/edit" ProposeChanges => things::device_group;
        POST "/device-groups" ProposeChanges => things::change_device_group;
    }
}

fn api_routes() -> Vec<Route> {
    use api::{access, audit, keys, policy, requests, session, sessions, special};
    routes! { Surface::Api;
        GET "/api/v1/openapi.json" Anyone => api::openapi;
        POST "/api/v1/session" Anyone => session::open;
        DELETE "/api/v1/session" SignedIn => session::close;
        GET "/api/v1/me" SignedIn => session::me;
        POST "/api/v1/second-factor" SignedIn => session::begin;
        POST "/api/v1/second-factor/finish" SignedIn => session::finish;
        POST "/api/v1/second-factor/confirm" SignedIn => session::confirm;
        GET "/api/v1/keys" SignedIn => keys::list;
        POST "/api/v1/keys" SignedIn => keys::add;
        DELETE "/api/v1/keys/{id}" SignedIn => keys::remove;
        GET "/api/v1/access" SignedIn => access::list;
        GET "/api/v1/access/{target}/preview" SignedIn => access::preview;
        GET "/api/v1/access/{target}/calendar" SignedIn => access::calendar;
        POST "/api/v1/tokens" SignedIn => access::token;
        POST "/api/v1/requests" SignedIn => requests::ask;
        GET "/api/v1/requests" SignedIn => requests::list;
        GET "/api/v1/requests/{id}" SignedIn => requests::show;
        POST "/api/v1/requests/{id}/decision" SignedIn => requests::decide;
        POST "/api/v1/requests/{id}/withdraw" SignedIn => requests::withdraw;
        POST "/api/v1/requests/{id}/retract" SignedIn => requests::retract;
        POST "/api/v1/requests/{id}/revoke" SignedIn => requests::revoke;
        POST "/api/v1/requests/{id}/surrender" SignedIn => requests::surrender;
        POST "/api/v1/requests/{id}/edit" SignedIn => special::edit;
        POST "/api/v1/requests/{id}/escalate" SignedIn => special::escalate;
        POST "/api/v1/requests/{id}/emergency" SignedIn => special::emergency;
        POST "/api/v1/requests/{id}/stop" SignedIn => special::stop;
        GET "/api/v1/delegations" SignedIn => special::delegations;
        POST "/api/v1/delegations" SignedIn => special::delegate;
        POST "/api/v1/delegations/{id}/end" SignedIn => special::end_delegation;
        GET "/api/v1/sessions" SignedIn => sessions::list;
        POST "/api/v1/sessions/{id}/terminate" TerminateSessions => sessions::terminate;
        GET "/api/v1/sessions/{id}/transcript" SignedIn => sessions::transcript;
        GET "/api/v1/sessions/{id}/export" SignedIn => sessions::export_transcript;
        GET "/api/v1/sessions/{id}/terminals/{number}/export" SignedIn => sessions::export_terminal;
        GET "/api/v1/sessions/{id}/typed" SignedIn => sessions::typed;
        POST "/api/v1/sessions/{id}/watch" SignedIn => sessions::ask_to_watch;
        GET "/api/v1/sessions/{id}/terminals/{number}" SignedIn => sessions::terminal;
        GET "/api/v1/audit" ListReports => audit::list;
        GET "/api/v1/export" ExportJournal => audit::export;
        POST "/api/v1/plan" ProposeChanges => policy::plan;
        POST "/api/v1/apply" ProposeChanges => policy::apply;
        GET "/api/v1/configuration" ReadConfiguration => policy::configuration;
        GET "/api/v1/configuration/versions" ReadConfiguration => policy::versions;
        GET "/api/v1/configuration/versions/{id}" ReadConfiguration => policy::version;
        GET "/api/v1/configuration/compare" ReadConfiguration => policy::compare;
        GET "/api/v1/ssh/authority" ReadConfiguration => policy::authority;
        GET "/api/v1/explain" SignedIn => policy::explain;
        POST "/api/v1/explain" ProposeChanges => policy::explain_with;
        GET "/api/v1/roles" SignedIn => policy::roles;
        GET "/api/v1/people" InvitePeople => policy::people;
        POST "/api/v1/people/{handle}/invitation" InvitePeople => policy::invite;
    }
}

fn table() -> Vec<Route> {
    let assets = routes! { Surface::Asset;
        GET "/assets/{name}" Anyone => assets::serve;
        GET "/ca.pem" Anyone => assets::authority;
    };
    [page_routes(), configuration_routes(), api_routes(), assets].into_iter().flatten().collect()
}

/// The table, for tests and documentation.
#[must_use]
pub fn table_lines() -> Vec<RouteLine> {
    table().into_iter().map(|route| route.line).collect()
}

/// Everything that answers over HTTP.
pub fn router(control: Control) -> Router {
    let site = Site::new(control);
    let turns = turn::line();
    let routes = table().into_iter().fold(Router::new(), |router, Route { line, answer }| {
        let most = match line.path {
            path if BRINGS_PLAN.contains(&path) => PLAN_BODY_BYTES_MAX,
            path if BRINGS_POLICY.contains(&path) => 3 * POLICY_BYTES_MAX,
            _ => BODY_BYTES_MAX,
        };
        let gate = Gate { site: site.clone(), who: line.who, surface: line.surface, body_bytes_max: most };
        let answer =
            answer.route_layer(from_fn_with_state(turns.clone(), turn::take)).layer(DefaultBodyLimit::max(most));
        router.route(line.path, answer.route_layer(from_fn_with_state(gate, admit)))
    });
    routes
        .fallback(nothing_here)
        .layer(from_fn_with_state(site.clone(), origin::check))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(from_fn(headers::add))
        .with_state(site)
}

async fn nothing_here(request: axum::extract::Request) -> Response {
    let text = "there is no page at this address; the link may be old, or cut short";
    match request.uri().path().starts_with("/api/") {
        true => crate::fault::api_error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address"),
        false => crate::fault::error_page(StatusCode::NOT_FOUND, "Nothing here", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_line_is_there_twice() {
        let lines = table_lines();
        let unique: BTreeSet<_> = lines.iter().map(|l| (l.method, l.path)).collect();
        assert_eq!(unique.len(), lines.len());
    }

    #[test]
    fn the_api_document_lists_exactly_the_routes() {
        let document: serde_json::Value = serde_json::from_str(api::DOCUMENT).expect("openapi.json is JSON");
        let paths = document["paths"].as_object().expect("it has paths");
        let documented: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().expect("a path item").keys().filter(|k| *k != "parameters");
                methods.map(move |m| (m.to_uppercase(), format!("/api/v1{path}")))
            })
            .collect();
        let api = table_lines().into_iter().filter(|l| l.surface == Surface::Api);
        let served: BTreeSet<_> = api.map(|l| (l.method.to_owned(), l.path.to_owned())).collect();
        assert_eq!(documented, served);
    }
}
