//! The one table of programs: which run nothing but themselves, which run others, and how.
//!
//! A program that is not in it is *unlisted*: what it runs is not known, and only a rule that names it knows better.
//! To list a program as [`How::Itself`] is to say that none of its arguments makes it run another program or text.

/// How a program runs others.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// Not at all, whatever its arguments.
    Itself,
    /// Not at all, unless an argument begins with one of these.
    Unless(&'static [&'static str]),
    /// Not at all with one of these as the first word that is no option, if every option is known.
    Only(&'static [&'static str], Options),
    /// It runs the command its arguments are, behind options of its own.
    Wrapper(Options, Leads),
    /// It runs what it is given in a language of its own, or by keys.
    Whatever,
    /// It changes the shell it stands in, or makes it run something else.
    Shell,
    /// It runs others by some arguments only, which a function reads.
    Special(Special),
}

/// The options of a program: those that stand alone, and those that take the next word.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) alone: &'static [&'static str],
    pub(super) with_value: &'static [&'static str],
}

/// What stands between the options of a wrapper and its command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    Nothing,
    Variables,
    OneWord,
}

/// Programs with arguments that need reading.
#[derive(Clone, Copy)]
pub(super) enum Special {
    Awk,
    ChangeDirectory,
    Copy,
    DiskDump,
    Exit,
    Find,
    Print,
    Rsync,
    Sed,
    Sh,
    Tar,
    Tee,
    Test,
    Watch,
    Xargs,
}

const fn options(alone: &'static [&'static str], with_value: &'static [&'static str]) -> Options {
    Options { alone, with_value }
}

const NONE: Options = options(&[], &[]);

/// How the program of this bare name runs others, if it is listed.
pub(super) fn how(name: &str) -> Option<How> {
    TABLE.iter().find(|(names, _)| names.split_whitespace().any(|listed| listed == name)).map(|(_, how)| *how)
}

const TABLE: &[(&str, How)] = &[
    (
        "cat head tail tac rev nl cut tr uniq comm join paste fold fmt expand unexpand column od xxd hexdump strings \
         base64 base32 sum cmp diff seq factor numfmt \
         ls stat df mkdir rmdir rm cp mv ln link unlink touch truncate shred chmod chown chgrp mkfifo mknod mktemp \
         readlink realpath basename dirname sync grep egrep fgrep",
        How::Itself,
    ),
    (
        ": true false echo pwd sleep date uname arch nproc uptime whoami id groups users who logname hostid tty free ps pgrep \
         pkill pidof kill killall vmstat iostat mpstat lscpu lsblk lspci lsusb lsmod blkid findmnt ss netstat ping \
         ping6 tracepath dig host nslookup getent last lastb lastlog printenv getfacl setfacl getfattr setfattr lsattr \
         chattr shutdown reboot halt poweroff",
        How::Itself,
    ),
    // Files named in a file, or on the input, are named nowhere here.
    ("sort", How::Unless(&["--c", "--f"])),
    ("wc du tree", How::Unless(&["--f"])),
    ("md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum", How::Unless(&["-", "+"])),
    // Their output is called what a suffix makes of the input.
    ("gzip bzip2 xz zstd", How::Unless(&["-S", "--"])),
    (
        "systemctl",
        How::Only(
            &[
                "status",
                "start",
                "stop",
                "restart",
                "try-restart",
                "reload",
                "reload-or-restart",
                "is-active",
                "is-enabled",
                "is-failed",
                "list-units",
                "list-unit-files",
                "list-timers",
                "list-sockets",
                "list-dependencies",
                "show",
                "cat",
                "enable",
                "disable",
                "mask",
                "unmask",
                "daemon-reload",
                "reset-failed",
                "reboot",
                "poweroff",
            ],
            options(
                &[
                    "--no-pager",
                    "--no-legend",
                    "--now",
                    "--quiet",
                    "-q",
                    "--full",
                    "-l",
                    "--all",
                    "-a",
                    "--user",
                    "--failed",
                ],
                &["-n", "-p", "-t"],
            ),
        ),
    ),
    (
        "journalctl",
        How::Only(
            &[],
            options(
                &["--no-pager", "-f", "-e", "-x", "-xe", "-k", "-b", "-r", "-q"],
                &["-u", "-n", "-p", "-o", "-t", "--since", "--until"],
            ),
        ),
    ),
    (
        "docker podman",
        How::Only(
            &["ps", "logs", "images", "inspect", "stats", "top"],
            options(&["-a", "-f", "-q", "--all"], &["-n", "--tail", "--since"]),
        ),
    ),
    (
        "ip",
        How::Only(
            &["a", "addr", "address", "l", "link", "r", "route", "neigh", "rule"],
            options(&["-4", "-6", "-s", "-d", "-br", "-o"], &[]),
        ),
    ),
    ("sudo", How::Wrapper(options(&["-n", "-E", "-H", "-k", "-b", "-P"], &["-u", "-g"]), Leads::Variables)),
    ("doas", How::Wrapper(options(&["-n"], &["-u"]), Leads::Nothing)),
    ("env", How::Wrapper(options(&["-i", "-"], &["-u"]), Leads::Variables)),
    ("nice", How::Wrapper(options(&[], &["-n"]), Leads::Nothing)),
    ("ionice", How::Wrapper(options(&["-t", "-c1", "-c2", "-c3"], &["-c", "-n"]), Leads::Nothing)),
    ("nohup", How::Wrapper(NONE, Leads::Nothing)),
    ("setsid", How::Wrapper(options(&["-c", "-f", "-w"], &[]), Leads::Nothing)),
    ("time", How::Wrapper(NONE, Leads::Nothing)),
    ("timeout", How::Wrapper(options(&["-v", "--foreground", "--preserve-status"], &["-k", "-s"]), Leads::OneWord)),
    ("stdbuf", How::Wrapper(options(&["-oL", "-o0", "-eL", "-e0", "-i0"], &["-o", "-e", "-i"]), Leads::Nothing)),
    ("busybox toybox", How::Wrapper(NONE, Leads::Nothing)),
    ("awk gawk mawk", How::Special(Special::Awk)),
    ("cd", How::Special(Special::ChangeDirectory)),
    ("scp", How::Special(Special::Copy)),
    ("dd", How::Special(Special::DiskDump)),
    ("exit", How::Special(Special::Exit)),
    ("find", How::Special(Special::Find)),
    ("printf", How::Special(Special::Print)),
    ("rsync", How::Special(Special::Rsync)),
    ("sed", How::Special(Special::Sed)),
    ("sh bash dash ash zsh ksh mksh yash", How::Special(Special::Sh)),
    ("tar", How::Special(Special::Tar)),
    ("tee", How::Special(Special::Tee)),
    ("test [", How::Special(Special::Test)),
    ("watch", How::Special(Special::Watch)),
    ("xargs", How::Special(Special::Xargs)),
    (
        "python python2 python3 perl ruby node nodejs php lua tclsh wish expect guile scala java jshell irb ipython \
         rbash fish csh tcsh rc elvish nu pwsh psql mysql mariadb sqlite3 mongo mongosh redis-cli sqlplus ftp sftp lftp \
         ssh autossh mosh telnet nc ncat netcat socat screen tmux script scriptreplay byobu su runuser sudoedit pkexec \
         chroot unshare nsenter systemd-run systemd-nspawn machinectl flock parallel entr strace ltrace gdb lldb valgrind \
         perf taskset chrt numactl setpriv capsh setarch linux32 linux64 cpulimit ld.so at batch crontab anacron run-parts \
         vi vim nvim view vimdiff rvim ex ed nano pico emacs joe mcedit mc visudo vipw vigr less more most pg man info \
         top htop atop make gmake cmake ninja ant mvn gradle npm npx yarn pnpm pip pip3 pipx gem cargo go gcc cc g++ \
         git hg svn kubectl helm docker-compose ctr crictl nerdctl lxc lxc-attach virsh vagrant ansible \
         ansible-playbook terraform dc bc gnuplot zip unzip cpio split install start-stop-daemon",
        How::Whatever,
    ),
    (
        ". source eval exec command builtin trap alias unalias set unset shift export readonly declare typeset local \
         integer float nameref let read mapfile readarray getopts hash rehash enable disable shopt setopt unsetopt \
         emulate bind bindkey complete compgen compopt compctl autoload functions function zmodload sched fc hist \
         history r jobs fg bg disown wait umask ulimit limit unlimit times type whence which where print pushd popd \
         dirs caller return break continue logout suspend login newgrp coproc inherit_cache vared zle zparseopts \
         zstyle zformat private global redirect stop rename array logs chdir",
        How::Shell,
    ),
];

#[cfg(test)]
mod tests {
    use super::TABLE;
    use std::collections::HashSet;

    #[test]
    fn no_program_stands_twice() {
        let mut seen = HashSet::new();
        for name in TABLE.iter().flat_map(|(names, _)| names.split_whitespace()) {
            assert!(seen.insert(name), "{name}");
        }
    }
}
