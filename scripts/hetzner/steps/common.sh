# What every step uses: words for people, commands that are printed, waiting, and how a step is checked and done.
# shellcheck shell=bash disable=SC2154,SC2329 # bootstrap.sh sets the variables, and steps are called by their names

say() {
    printf '%s: %s\n' "$program" "$*" >&3
}

die() {
    printf '%s: %s\n' "$program" "$*" >&2
    exit 1
}

# Run a command; with --dry-run it is printed only. No secret is ever a word of one: what is secret comes on stdin.
run() {
    if [[ $dry_run ]]; then
        { printf '    '; printf '%q ' "$@"; printf '\n'; } >&3
    else
        "$@"
    fi
}

# Run a question, or print it; what is not asked is not confirmed.
ask() {
    run "$@" && [[ ! $dry_run ]]
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local seconds=$1 what=$2 until
    shift 2
    if [[ $dry_run ]]; then
        if "$@"; then :; fi
        return 0
    fi
    until=$((SECONDS + seconds))
    while ! "$@" >/dev/null 2>&1; do
        if ((SECONDS >= until)); then
            echo "$what: not within $seconds s" >&2
            return 1
        fi
        sleep "$poll_seconds"
    done
}

# Run a function of several commands, of which the first that fails ends it; what came of it is in $code. Never called where
# its own status would be asked for: there bash would go on after a failure.
try() {
    set +e
    (
        set -e
        "$@"
    )
    code=$?
    set -e
}

# step NAME TITLE HINT: skipped where check_NAME confirms it; else do_NAME, which check_NAME has to confirm.
step() {
    local name=$1 title=$2 hint=$3 code
    number=$((number + 1))
    if [[ $dry_run ]]; then
        say "$number. $title"
        ("check_$name") || ("do_$name") || die "$title: --dry-run cannot say what it would do"
        return
    fi
    try "check_$name" >/dev/null 2>&1
    if ((code == 0)); then
        say "$number. $title: is so"
        return
    fi
    say "$number. $title"
    try "do_$name"
    if ((code)); then
        why="status $code"
    else
        try "check_$name" >/dev/null 2>&1
        ((code)) || return 0
        why="it was done, and is not so"
    fi
    die "step $number ($title) failed: $why.
  look at: $hint
  then run this again: what is done is found and skipped"
}

# secret NAMESPACE NAME KEY VALUE...: a Secret as YAML, for a pipe into kubectl.
secret() {
    printf 'apiVersion: v1\nkind: Secret\nmetadata: { name: %s, namespace: %s }\ndata:\n' "$2" "$1"
    shift 2
    while (($#)); do
        printf '  %s: %s\n' "$1" "$(printf '%s' "$2" | base64 | tr -d '\n')"
        shift 2
    done
    printf -- '---\n'
}

# The state of a checkout, which is the operator's alone. One at a time works in it.
open_state() {
    { (umask 077 && mkdir -p "$state") && exec 9>"$state/lock"; } 2>/dev/null ||
        die "$state cannot be written by $(id -un): free the place of that folder, or take a checkout that is yours"
    command -v flock >/dev/null && { flock --nonblock 9 || die "another bootstrap, destroy, backup or restore is at work in $state"; }
}

# Write stdin to a file at once and for its owner only.
keep() {
    (umask 077 && cat >"$1.part")
    mv "$1.part" "$1"
}
