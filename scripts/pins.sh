# Reading deploy/images.toml in shell scripts: plain tables with values in double quotes.
# shellcheck shell=bash

# pinned_in FILE TABLE KEY: the value.
pinned_in() {
    awk -v table="[$2]" -v key="$3" '
        /^\[/ { inside = $0 == table }
        inside && $1 == key { sub(/^[^"]*"/, ""); sub(/"[^"]*$/, ""); print }
    ' "$1"
}
