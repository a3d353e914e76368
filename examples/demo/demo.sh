#!/usr/bin/env bash
# Starts a daemon of its own, signs a SLSA provenance statement, verifies it, and shows that a tampered copy is refused.
# SIGNERD and SIGNERCTL name the programs; by default those of .venv. Everything else is temporary.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../../.venv/bin
: "${SIGNERD:=$bin/signerd}" "${SIGNERCTL:=$bin/signerctl}"

# Variables that lead to another daemon have no place here.
unset SIGNERD_ADDR SIGNERD_CACERT SIGNERD_CERT SIGNERD_KEY SIGNERD_TOKEN SIGNERD_TOKEN_FILE SIGNERD_CONFIG

work=$(mktemp -d)
export SIGNERD_HOME=$work/home
daemon=
step=start

end() {
    local code=$?
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    if [ "$code" -ne 0 ]; then
        echo "demo: failed at: $step" >&2
        [ ! -s "$work/daemon.log" ] || { echo "--- the daemon's log ends:" >&2; tail -n 20 "$work/daemon.log" >&2; }
    fi
    rm -rf "$work"
    exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() {
    step=$1
    printf '\n# %s\n' "$step"
}

# Shows a command as a person would type it, and runs it.
run() {
    printf '$ %s\n' "$(shown "$@")"
    "$@"
}

shown() {
    local text="$*"
    text=${text//$SIGNERCTL/signerctl}
    text=${text//$work\//}
    printf '%s' "${text//$here\//}"
}

say "Start the daemon: an encrypted key file, SQLite and a Unix socket, no configuration"
echo '$ signerd serve &'
"$SIGNERD" serve >"$work/daemon.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    if "$SIGNERCTL" --timeout 1 status >"$work/status" 2>&1; then break; fi
    kill -0 "$daemon" 2>/dev/null || { echo "the daemon has ended" >&2; exit 1; }
    sleep 0.1
done
run "$SIGNERCTL" status

say "Create a key; its private part never leaves the daemon"
run "$SIGNERCTL" keys create demo/release

say "Sign a SLSA provenance statement as a DSSE envelope"
run "$SIGNERCTL" sign --key demo/release --payload-type application/vnd.in-toto+json --envelope \
    --output-signature "$work/statement.dsse.json" "$here/statement.json"
cut -c 1-100 "$work/statement.dsse.json"

say "Verify the envelope, and take the statement out of it"
run "$SIGNERCTL" verify --key demo/release --envelope "$work/statement.dsse.json" \
    --output-payload "$work/verified.json"
cmp "$here/statement.json" "$work/verified.json"

say "Show the public key, for everybody who verifies without the daemon"
run "$SIGNERCTL" public-key demo/release

say "Show what was signed: each request has its audit record"
run "$SIGNERCTL" audit list
position=$("$SIGNERCTL" audit list --key demo/release | awk '$3 == "sign" { print $1; exit }')
[ -n "$position" ] || { echo "there is no audit record of the signature" >&2; exit 1; }
run "$SIGNERCTL" audit show "$position"

say "Tamper with a copy: another builder id in the payload, the same signature"
tampered=$(sed 's#builds.example/tekton#builds.attacker/tekton#' "$here/statement.json" | base64 | tr -d '\n')
sed -E "s#\"payload\": ?\"[^\"]*\"#\"payload\":\"$tampered\"#" "$work/statement.dsse.json" >"$work/tampered.dsse.json"
if cmp -s "$work/statement.dsse.json" "$work/tampered.dsse.json"; then
    echo "the copy was not changed" >&2
    exit 1
fi
code=0
run "$SIGNERCTL" verify --key demo/release --envelope "$work/tampered.dsse.json" || code=$?
echo "exit code $code"
[ "$code" -eq 1 ] || { echo "expected 1: the signature does not verify" >&2; exit 1; }

say "Stop the daemon"
echo '$ kill %1'
kill "$daemon"
wait "$daemon" || { echo "the daemon ended with code $?" >&2; exit 1; }
daemon=

printf '\ndemo: ok\n'
