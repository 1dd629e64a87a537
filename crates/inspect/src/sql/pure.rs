//! The shipped lists of what only computes or reads.
//!
//! Each list stands beside the query that makes it from a PostgreSQL catalogue. A name on a list is pure only as a
//! name of `pg_catalog`; that an unqualified name resolves there is for the gateway to find out in the session.

use countersign_journal::facts::Name;
use std::collections::HashSet;
use std::sync::LazyLock;

static FUNCTIONS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("../pure_functions.txt").lines().collect());
static OPERATORS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("../pure_operators.txt").lines().collect());
static TYPES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("../pure_types.txt").lines().collect());

/// Whether calling a function of this name changes nothing and runs nothing but the server's own code.
pub(super) fn is_function(name: &Name) -> bool {
    let own = name.schema.as_deref() == Some("information_schema") && INFORMATION.contains(&name.name.as_str());
    own || listed(&FUNCTIONS, name)
}

/// Functions that the server's own views call, and drivers with them.
const INFORMATION: [&str; 3] = ["_pg_expandarray", "_pg_truetypid", "_pg_truetypmod"];

/// Whether a function of `pg_catalog` with this name changes nothing and runs nothing but the server's own code.
#[must_use]
pub fn is_pure_function(name: &str) -> bool {
    FUNCTIONS.contains(name)
}

/// Whether an operator of this name only computes.
pub(super) fn is_operator(name: &Name) -> bool {
    listed(&OPERATORS, name)
}

/// Whether converting to this type runs nothing but the server's own code.
pub(super) fn is_type(name: &Name) -> bool {
    listed(&TYPES, name)
}

fn listed(list: &HashSet<&str>, name: &Name) -> bool {
    name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") && list.contains(name.name.as_str())
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_sorted_and_hold_no_name_twice() {
        for list in [
            include_str!("../pure_functions.txt"),
            include_str!("../pure_operators.txt"),
            include_str!("../pure_types.txt"),
        ] {
            assert!(list.lines().is_sorted_by(|a, b| a < b));
            assert!(list.lines().all(|name| !name.is_empty() && name.trim() == name));
        }
    }

    #[test]
    fn what_runs_text_or_reaches_outside_is_not_pure() {
        let out = "query_to_xml table_to_xml cursor_to_xml schema_to_xml database_to_xml ts_stat ts_rewrite pg_read_file \
                   pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_get dblink nextval setval set_config \
                   pg_terminate_backend pg_notify pg_advisory_lock pg_reload_conf pg_switch_wal array_in record_in \
                   domain_in jsonb_populate_record txid_current pg_logical_emit_message currval pg_export_snapshot";
        for name in out.split_whitespace() {
            assert!(!super::FUNCTIONS.contains(name), "{name}");
        }
        for name in "count sum now lower random pg_sleep gen_random_uuid row_number substring age".split_whitespace() {
            assert!(super::FUNCTIONS.contains(name), "{name}");
        }
    }
}
