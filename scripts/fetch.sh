# Sourced by fetch-model and fetch-data: downloads that resume, are checked, and appear under their name only when
# they are whole.

http_status=

say() {
    echo "${0##*/}: $*" >&2
}

sha256_of() { # file
    sha256sum "$1" | cut -d' ' -f1
}

has_sha256() { # file sha256
    [ -f "$1" ] && [ "$(sha256_of "$1")" = "$2" ]
}

# The bytes at url as file, by way of file.part, which a later call goes on from. sha256 is what they must be, "" if
# nobody has said. Options for curl may follow. Fails with one line that says why; http_status has the answer's code.
fetch() { # url file sha256 [curl option...]
    local url=$1 file=$2 sha=$3 part=$2.part out why code=0
    shift 3
    local command=(curl -f -L --retry 3 --connect-timeout 20 -C - "$@" -w '\n%{http_code}' -o "$part" "$url")
    mkdir -p "$(dirname "$file")"
    if [ -t 2 ]; then
        out=$("${command[@]}" --progress-bar) || code=$?
    else
        out=$("${command[@]}" -sS 2>&1) || code=$?
    fi
    http_status=${out##*$'\n'}
    # "range not satisfiable" may mean that the part that is here is the whole
    if [ $code -ne 0 ] && { [ -z "$sha" ] || ! has_sha256 "$part" "$sha"; }; then
        why=$(grep '^curl:' <<<"$out" | tail -1) || why="curl ended with $code"
        say "$url: $why"
        [ $code -ne 33 ] && [ "$http_status" != 416 ] || rm -f "$part"
        return 1
    fi
    if [ -n "$sha" ] && ! has_sha256 "$part" "$sha"; then
        say "$url: SHA-256 is $(sha256_of "$part"), expected $sha; thrown away"
        rm -f "$part"
        return 1
    fi
    mv "$part" "$file"
}
