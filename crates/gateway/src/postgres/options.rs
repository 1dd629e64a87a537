//! The `options` of a start-up packet: words behind spaces, a backslash before what stands for itself, and each setting as
//! `-c name=value`, `-cname=value` or `--name=value` (PostgreSQL's manual, "Parameter Interaction via the Shell").

/// The setting by which a client says why it connects.
pub(super) const REASON: &str = "countersign.reason";
/// What C's `isspace` says of ASCII.
const SPACE: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// The options without the reason among them, and the reason. Whatever else there is stays as it is.
pub(super) fn without_reason(options: &str) -> (String, Option<String>) {
    let named = |setting: &str| {
        let (name, value) = setting.split_once('=')?;
        name.eq_ignore_ascii_case(REASON).then(|| value.to_owned())
    };
    let (mut kept, mut reason): (Vec<&str>, _) = (Vec::new(), None);
    let mut words = words(options).into_iter().peekable();
    while let Some((raw, word)) = words.next() {
        let joined = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).and_then(named);
        let apart = words.peek().filter(|_| word == "-c").and_then(|(_, next)| named(next));
        if apart.is_some() {
            words.next();
        }
        match joined.or(apart) {
            Some(found) => reason = Some(found),
            None => kept.push(raw),
        }
    }
    if reason.is_none() { (options.to_owned(), None) } else { (kept.join(" "), reason) }
}

/// The words, each as it stands and as it is meant.
fn words(options: &str) -> Vec<(&str, String)> {
    let mut all = Vec::new();
    let mut rest = options.trim_start_matches(SPACE);
    while !rest.is_empty() {
        let (mut word, mut escaped, mut end) = (String::new(), false, rest.len());
        for (at, c) in rest.char_indices() {
            if !escaped && c == '\\' {
                escaped = true;
                continue;
            }
            if !escaped && SPACE.contains(&c) {
                end = at;
                break;
            }
            word.push(c);
            escaped = false;
        }
        all.push((&rest[..end], word));
        rest = rest[end..].trim_start_matches(SPACE);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_taken_out_and_nothing_else() {
        let reason = |text: &str| Some(text.to_owned());
        for (given, rest, found) in [
            (r"-c countersign.reason=wrong\ city", "", reason("wrong city")),
            ("-ccountersign.reason=x -c work_mem=4MB", "-c work_mem=4MB", reason("x")),
            (r"--COUNTERSIGN.reason=a=b  -c  search_path=a\ b", r"-c search_path=a\ b", reason("a=b")),
            ("-c work_mem=4MB  -c geqo=off", "-c work_mem=4MB  -c geqo=off", None),
            ("-c countersign.reasons=x", "-c countersign.reasons=x", None),
            ("countersign.reason=x", "countersign.reason=x", None),
            ("-c", "-c", None),
            ("-c countersign.reason=x -c countersign.reason=y", "", reason("y")),
            (r"-c countersign.reason=\\ -c geqo=off\", r"-c geqo=off\", reason(r"\")),
            ("", "", None),
        ] {
            assert_eq!(without_reason(given), (rest.to_owned(), found), "{given}");
        }
    }
}
