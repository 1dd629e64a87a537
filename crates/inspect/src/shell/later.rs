//! Words by which a command means more than it says: files that a login shell, or the system, reads and runs later; folders
//! in which the shell and the linker look; and names that lead to other files. Whoever writes there decides what the next
//! command means, and whoever reads there reads what no word names.

use countersign_journal::CommandFacts;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Files and folders, by a part of their path, that are run, or say what is.
static RUN_LATER: LazyLock<HashSet<&str>> = LazyLock::new(|| NAMES.split_whitespace().collect());

const NAMES: &str = "\
    .bash_login .bash_profile .bashrc .bash_aliases .bash_logout .kshrc .login .mkshrc .profile .shrc .yashrc .zlogin \
    .zprofile .zshenv .zshrc .zlogout .inputrc .pam_environment .ssh .config .docker .gnupg authorized_keys bash.bashrc \
    environment ld.so.conf ld.so.conf.d ld.so.preload profile profile.d sshrc zsh zshenv sshd_config sshd_config.d \
    cron.d cron.hourly cron.daily cron.weekly cron.monthly crontab crontabs anacrontab systemd init.d rc.local pam.d sudoers \
    sudoers.d update-motd.d udev modprobe.d modules-load.d logrotate.d nsswitch.conf dpkg apt rsyslog.d";

/// Folders that programs and libraries are found in, by the last part of their paths.
const FOUND_IN: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec"];

/// Folders whose entries lead to other files, or into the kernel.
const LEAD_ELSEWHERE: [&str; 3] = ["/proc", "/sys", "/dev/fd"];

/// The first word of a command that names such a file or folder, among what it writes and, where asked, its arguments.
pub(super) fn named(command: &CommandFacts, arguments: bool) -> Option<&str> {
    let arguments = command.arguments.iter().flatten().filter(|_| arguments);
    command.reads.iter().chain(&command.writes).chain(arguments).map(String::as_str).find(|word| names(word))
}

/// A path may stand behind a sign, in a list, or behind an option's letters.
fn names(word: &str) -> bool {
    word.split(['=', ':', ',']).any(|piece| match piece.find('/') {
        Some(at) if piece.starts_with('-') => is_named(&piece[at..]),
        _ => is_named(piece),
    })
}

fn is_named(path: &str) -> bool {
    let parts = || path.split('/').filter(|part| !matches!(*part, "" | "."));
    let leads = || {
        let plain: String = parts().flat_map(|part| ["/", part]).collect();
        let within = |folder| plain.strip_prefix(folder).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        LEAD_ELSEWHERE.into_iter().any(within)
    };
    let later = |part: &str| RUN_LATER.contains(part) || begins(part);
    let found = path.contains('/') && parts().any(|part| FOUND_IN.contains(&part));
    found || parts().any(|part| part == ".." || later(part)) || (path.starts_with('/') && leads())
}

/// Whether a file of that name needs only an ending, such as that of a backup, to be one of these.
fn begins(part: &str) -> bool {
    part.len() > 1 && part.starts_with('.') && RUN_LATER.iter().any(|name| name.starts_with(part))
}
