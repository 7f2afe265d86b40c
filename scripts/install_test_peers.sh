#!/bin/sh
# Installs the programs that tests work with: a browser, servers for mail, mailboxes and the web, and a load generator.
# On Debian and Ubuntu it does so where it may; what cannot be had is said, and its tests skip (never in CI).
set -eu

PATH="$PATH:/usr/sbin"
missing=""
for pair in chromium:chromium postfix:postfix dovecot:dovecot-imapd wrk:wrk nginx:nginx-light caddy:caddy; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0

give_up() {
    printf 'These programs are missing, and the tests that need them skip:%s\n' "$1" >&2
    [ -z "${CI:-}" ]
}

if ! command -v apt-get >/dev/null; then run=none
elif [ "$(id -u)" = 0 ]; then run=""
elif sudo -n true 2>/dev/null; then run="sudo"
else run=none; fi

if [ "$run" = none ]; then
    give_up "$missing"
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
# Not every distribution has all of them, and one that it lacks must not keep the others away.
lacking=""
for package in $missing; do
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
        lacking="$lacking $package"
done
[ -n "$made" ] && $run rm -f "$policy"
[ -z "$lacking" ] || give_up "$lacking"
