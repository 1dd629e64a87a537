//! Requests, wherever they are: in the state while something can still happen to them, in rows once they are over.

use crate::control::Control;
use crate::fault::Fault;
use countersign_core::{Case, Named, Request};
use countersign_journal::{Act, GrantId, RequestId, SessionId};

impl Control {
    /// A request with what it yielded. The state is asked first: a request has its row before it leaves the state.
    pub(crate) async fn case(&self, id: RequestId) -> Result<Option<Case>, Fault> {
        let (alive, released) = {
            let state = self.state();
            (state.case(id), state.has_released(Named::Request(id)))
        };
        match alive {
            None if released => self.0.store.case(id).await,
            alive => Ok(alive),
        }
    }

    /// The request behind a grant.
    pub(crate) async fn case_of_grant(&self, id: GrantId) -> Result<Option<Case>, Fault> {
        let (alive, released) = {
            let state = self.state();
            let request = state.grants.get(&id).map(|g| g.request);
            (request.and_then(|id| state.case(id)), state.has_released(Named::Grant(id)))
        };
        match alive {
            None if released => self.0.store.case_of_grant(id).await,
            alive => Ok(alive),
        }
    }

    /// The request behind a session.
    pub(crate) async fn case_of_session(&self, id: SessionId) -> Result<Option<Case>, Fault> {
        let grant = self.state().sessions.get(&id).map(|s| s.grant);
        match grant {
            Some(grant) => self.case_of_grant(grant).await,
            None => self.0.store.case_of_session(id).await,
        }
    }

    /// The connection a statement was held in; nothing for what is none.
    pub(crate) async fn connect_of(&self, request: &Request) -> Result<Option<Request>, Fault> {
        match &request.act {
            Act::Connect | Act::Administer(_) | Act::Watch(_) => Ok(None),
            Act::Run(run) => Ok(self.case_of_grant(run.grant).await?.map(|case| case.request)),
        }
    }
}

#[cfg(test)]
mod tests;
