#!/bin/sh
# Installs the programs that tests work with: a browser, a mail server, a mailbox server and a load generator.
# On Debian and Ubuntu it does so where it may; elsewhere it says what is missing, and those tests skip (never in CI).
set -eu

missing=""
for pair in chromium:chromium postfix:postfix dovecot:dovecot-imapd wrk:wrk; do
    PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then run=none
elif [ "$(id -u)" = 0 ]; then run=""
elif sudo -n true 2>/dev/null; then run="sudo"
else run=none; fi

if [ "$run" = none ]; then
    printf 'These programs are missing, and the tests that need them skip:%s\n' "$missing" >&2
    [ -z "${CI:-}" ]
    exit
fi
$run apt-get update -qq
# Their services are the tests' own business: nothing starts by itself, and no question about a mail name is asked.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $run tee "$policy" >/dev/null
    $run chmod 755 "$policy"
    made=yes
fi
status=0
# shellcheck disable=SC2086  # a list of names
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || status=$?
[ -n "$made" ] && $run rm -f "$policy"
exit "$status"
