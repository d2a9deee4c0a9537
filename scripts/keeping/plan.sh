# shellcheck shell=bash
# Read by backup.sh and restore.sh: what a plan says. One store a line, by kind:
#
#   bus       NAME  CONFIG                 settings of event-trading, whose topics matter
#   database  NAME  postgresql://...       a database, with the ledger where it holds one
#   ledger    NAME  STORE_URL REPORTS_URL  a ledger in a bucket, a folder or a SQLite file
#   archive   NAME  PLACE [COPY]           an archive or feature snapshots; COPY is where their copy is kept and added to
#
# Places are whole paths or URLs, without spaces.
# Empty lines and what follows a # are passed over. Passwords stay out of it: libpq takes them from ~/.pgpass or PGPASSWORD.

complain() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# The stores of a plan, by kind and name, into the array `stores`; each is "KIND NAME FIRST SECOND".
read_plan() {
    local plan=$1 line number=0
    [[ -r $plan && ! -d $plan ]] || complain "plan $plan cannot be read"
    stores=()
    local -A seen=()
    while IFS= read -r line || [[ $line ]]; do
        number=$((number + 1))
        [[ $line != *$'\r'* ]] || complain "$plan, line $number: it ends as on Windows; take the carriage returns out"
        local -a words
        read -ra words <<<"${line%%#*}"
        ((${#words[@]})) || continue
        check_store "$plan, line $number" "${words[@]}"
        [[ ! ${seen[${words[0]} ${words[1]}]-} ]] || complain "$plan, line $number: ${words[0]} ${words[1]} is there twice"
        seen[${words[0]} ${words[1]}]=yes
        stores+=("${words[*]}")
    done <"$plan"
    ((${#stores[@]})) || complain "plan $plan names no store"
}

check_store() {
    local where=$1 kind=$2 name=${3-} count=$(($# - 1))
    case $kind in
        bus | database) ((count == 3)) || complain "$where: write '$kind NAME ADDRESS'" ;;
        ledger) ((count == 4)) || complain "$where: write 'ledger NAME STORE_URL REPORTS_URL'" ;;
        archive) ((count == 3 || count == 4)) || complain "$where: write 'archive NAME PLACE' or 'archive NAME PLACE COPY'" ;;
        *) complain "$where: $kind is no kind of store; there are bus, database, ledger, archive" ;;
    esac
    [[ $name =~ ^[a-z0-9][a-z0-9-]*$ ]] || complain "$where: name $name; use small letters, digits and -"
    local word
    for word in "${@:4}"; do
        [[ ! $word =~ ^[A-Za-z+0-9]+://[^/@:]*:.*@ && ! $word =~ [?\&]password= ]] ||
            complain "$where: leave the password out of the address; libpq takes it from ~/.pgpass or PGPASSWORD"
    done
    if [[ $kind == database ]]; then
        # While it is restored it is called NAME_restoring, and PostgreSQL cuts names after 63 characters.
        [[ $4 =~ ^postgresql://[^/]*/[A-Za-z0-9_]{1,53}(\?.*)?$ ]] ||
            complain "$where: database $4; write postgresql://USER@HOST:PORT/NAME, with 1 to 53 letters, digits and _ as NAME"
    elif [[ $kind == archive ]]; then
        for word in "${@:4}"; do
            [[ $word =~ ^(/|[a-z]+://) ]] || complain "$where: place $word; write a whole path without spaces, or gs://BUCKET/PREFIX"
        done
    fi
}

# The address of another database of the same server.
beside() {
    local url=$1 name=$2 base=${1%%\?*}
    echo "${base%/*}/$name${url#"$base"}"
}

# A database's address as the store's URL.
store_url() {
    echo "postgresql+psycopg:${1#*:}"
}

# The programs that stores of a kind need, where the plan has such stores.
need_by_kind() {
    local kind=$1 program
    shift
    [[ " ${stores[*]%% *} " == *" $kind "* ]] || return 0
    for program; do
        command -v "$program" >/dev/null || complain "$program is not on the PATH, and a $kind needs it"
    done
}
