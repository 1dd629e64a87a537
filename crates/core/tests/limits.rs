//! What one person may have waiting at once.

mod scene;

use countersign_core::{PENDING_MAX, PENDING_PLANS_MAX};
use scene::check;
use std::fmt::Write;

/// `alice asks` as often, each time for one minute more.
fn asks(story: &mut String, first: usize, times: usize, more: &str) {
    for n in first..first + times {
        let until = format!("{:02}:{:02}", 10 + n / 60, n % 60);
        write!(story, "alice asks 09:00-{until}{more}\n  #{n} made, approve\n  level 1 waits for bob, carol\n")
            .expect("text");
    }
}

#[test]
fn a_person_has_at_most_a_hundred_requests_waiting() {
    let mut story = "rule connect approve by dba\napply\n".to_owned();
    asks(&mut story, 1, PENDING_MAX, "");
    story += "\
alice asks 09:00-16:00
  no: 100 requests of yours wait already, as many as one person may have; withdraw one, or wait for a decision
alice asks 09:00-10:01
  nothing new: Request(RequestId(1))
zoe asks 09:00-16:00
  #101 made, approve
  level 1 waits for bob, carol
bob approves #1
  bob approves level 1
  #1 approved, grant 1 09:00-10:01
alice asks 09:00-16:00
  #102 made, approve
  level 1 waits for bob, carol
alice withdraws #2
  #2 canceled
alice asks 09:00-16:01
  #103 made, approve
  level 1 waits for bob, carol
alice asks 09:00-16:02
  no: 100 requests of yours wait already, as many as one person may have; withdraw one, or wait for a decision
";
    check(&story);
}

#[test]
fn few_of_them_bring_a_plan() {
    let mut story = "rule connect approve by dba\napply\n".to_owned();
    asks(&mut story, 1, PENDING_PLANS_MAX, " plan:n");
    story += "\
alice asks 09:00-16:00 plan:n
  no: 10 requests with a plan of yours wait already, as many as one person may have; withdraw one, or wait for a decision
alice asks 09:00-16:00
  #11 made, approve
  level 1 waits for bob, carol
";
    check(&story);
}

/// What nobody has to decide does not wait.
#[test]
fn what_is_allowed_is_not_counted() {
    let mut story = "rule connect allow\napply\n".to_owned();
    for n in 1..=PENDING_MAX + 1 {
        let until = format!("{:02}:{:02}", 10 + n / 60, n % 60);
        write!(story, "alice asks 09:00-{until}\n  #{n} made, allow\n  #{n} approved, grant {n} 09:00-{until}\n")
            .expect("text");
    }
    check(&story);
}
