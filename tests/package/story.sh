#!/bin/sh
# The life of the package on a Debian host that runs keepalived: told inside of a tree that `cargo xtask package-test` boots.
# Writes to /root/story: `ok`, `NOT OK` and figures, one a line, and `done` at its end.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
VIP=10.9.0.100
DEB=$(ls /root/rkeepalived_*.deb)
OLD=$(ls /var/cache/apt/archives/keepalived_*.deb)

exec >>/root/story 2>&1

ok() { echo "ok      $*"; }
# Of the first one, with what the log has.
bad() {
    echo "NOT OK  $*"
    [ ! -e /run/bad ] || return 0
    touch /run/bad
    journalctl --no-pager -o short-monotonic -n 25 -u keepalived -u rkeepalived | sed 's/^/        | /'
}
# must TEXT COMMAND..: says whether that succeeds.
must() {
    text=$1
    shift
    if "$@" >/run/said 2>&1; then ok "$text"; else
        bad "$text"
        sed 's/^/        > /' /run/said
    fi
}
# eventually TEXT COMMAND..: the same, within 20 s.
eventually() {
    text=$1
    shift
    n=0
    while ! "$@" >/run/said 2>&1; do
        n=$((n + 1))
        if [ $n -gt 200 ]; then
            bad "$text (within 20 s)"
            sed 's/^/        > /' /run/said
            return 0
        fi
        sleep 0.1
    done
    ok "$text"
}
not() { ! "$@"; }

has_vip() { ip -4 -o address show | grep -q " $VIP/"; }
table() { ipvsadm -Sn | tr '\n' ';'; }
has_server() { table | grep -q -- "-a -t $VIP:80 -r 10.9.0.1:8080 -m -w ${1:-3}"; }
is_empty() { [ -z "$(table)" ]; }
serves() { has_vip && has_server; }
# Of a daemon that does not run, a number that no process has.
pid() { systemctl show --value -p MainPID keepalived | sed 's/^0*$/99999999/'; }
restarts() { systemctl show --value -p NRestarts keepalived; }
says() { journalctl -o cat -u rkeepalived | grep -q -- "$1"; }
sums() { sha256sum /etc/keepalived/keepalived.conf /etc/default/keepalived; }

# What is there and since when, in hundredths of a second: a line at each change.
watch() {
    vip=? table=?
    while :; do
        now_vip=0 now_table=0
        while read -r line; do case $line in *"$VIP"*) now_vip=1 ;; esac done </proc/net/fib_trie
        while read -r line; do case $line in *0A090064:0050*) now_table=1 ;; esac done </proc/net/ip_vs
        read -r up _ </proc/uptime
        [ $now_vip = $vip ] || echo "$up vip $now_vip" >>/run/watched
        [ $now_table = $table ] || echo "$up table $now_table" >>/run/watched
        vip=$now_vip table=$now_table
        sleep 0.02
    done
}
# From here on.
forget() { : >/run/watched; }
# gone WHAT: for how long it was away since then.
gone() {
    n=0
    while sleep 0.1 && [ $n -lt 20 ] && grep " $1 " /run/watched | tail -n 1 | grep -q " 0$"; do n=$((n + 1)); done
    awk -v what="$1" '$2 == what && $3 == 0 { from = $1 }
        $2 == what && $3 == 1 && from { sum += $1 - from; from = 0 }
        END { if (from) print "still gone"; else printf "%.2f s\n", sum }' /run/watched
}
figure() { echo "figure  $1: the address was gone for $(gone vip), the table for $(gone table)"; }

ip link add v0 type veth peer name v1
ip address add 10.9.0.1/24 dev v0
ip link set v0 up
ip link set v1 up
modprobe ip_vs
watch &

echo "== keepalived as Debian has it"
systemctl start keepalived
eventually "keepalived has the address and the table" serves
must "it is keepalived" sh -c 'keepalived -v 2>&1 | grep -q "^Keepalived v2.2.7"'
sums >/run/sums
before=$(table)

echo "== rkeepalived is installed over it"
forget
must "apt installs it" apt-get install --yes --no-install-recommends "$DEB"
eventually "the address and the table are there" serves
figure "the change"
must "the unit keepalived is active" systemctl is-active keepalived
must "and is rkeepalived's" test "$(systemctl show --value -p Id keepalived)" = rkeepalived.service
must "it is enabled" systemctl is-enabled rkeepalived
must "keepalived is not installed any more" sh -c '! dpkg-query -W -f "\${db:Status-Status}" keepalived | grep -qx installed'
must "-v begins as scripts parse it" sh -c 'keepalived -v 2>&1 | head -n 1 | grep -qE "^Keepalived v2\.4\.3 \(rkeepalived [0-9.]+\)$"'
must "the table is the same" test "$(table)" = "$before"
must "the files are the same" sh -c 'sha256sum --check --quiet /run/sums'
must "DAEMON_ARGS of /etc/default/keepalived are heeded" sh -c "tr '\0' ' ' </proc/$(pid)/cmdline | grep -q -- '--dont-fork -D '"
must "killall finds it by keepalived's name" sh -c 'grep -qx keepalived /proc/'"$(pid)"'/comm'
must "manuals lead to it" sh -c 'zcat /usr/share/man/man8/keepalived.8.gz | grep -q "^.TH RKEEPALIVED 8" && zcat /usr/share/man/man5/keepalived.conf.5.gz | grep -q "^.TH RKEEPALIVED.CONF 5"'
must "genhash is genhash" sh -c 'genhash -h 2>&1 | grep -q use-virtualhost'


echo "== who may look"
# As somebody of this group alone.
as() { group=$1; shift; setpriv --reuid 65534 --regid "$group" --clear-groups "$@"; }
must "the package made the group rkeepalived" getent group rkeepalived
must "a system group" test "$(getent group rkeepalived | cut -d: -f3)" -lt 1000
must "and the daemon gave it status.sock" test "$(stat -c '%a %U %G' /run/rkeepalived/status.sock)" = "660 root rkeepalived"
must "control.sock is root's" test "$(stat -c '%a %U %G' /run/rkeepalived/control.sock)" = "600 root root"
must "a member of the group sees" sh -c "$(command -v setpriv) --reuid 65534 --regid rkeepalived --clear-groups rkeepalived status | grep -q MASTER"
must "and does not steer" not as rkeepalived rkeepalived drain 10.9.0.1:8080
must "somebody else does not see" not as nogroup rkeepalived status

echo "== the journal"
# asked TEXT FIELD=VALUE..: whether a line with these fields has it.
asked() { wanted=$1; shift; journalctl --quiet -o cat -u rkeepalived "$@" | grep -q -- "$wanted"; }
must "a transition has its instance" asked "Entering MASTER STATE" INSTANCE=VI_1 EVENT=vrrp
must "no other instance's" not asked STATE INSTANCE=VI_2
must "lines have keepalived's names" asked "Entering MASTER STATE" SYSLOG_IDENTIFIER=Keepalived_vrrp
systemctl stop web.socket web.service
eventually "a server that is down leaves the table" not has_server
must "the line of it has the servers" asked "Removing service" 'REAL_SERVER=[10.9.0.1]:tcp:8080' 'VIRTUAL_SERVER=[10.9.0.100]:tcp:80' EVENT=server
must "and that of its check has the reason" asked "refused" 'REAL_SERVER=[10.9.0.1]:tcp:8080' EVENT=check
systemctl start web.socket
eventually "it comes back" serves
must "all of its lines came by the journal's own protocol" not asked . _TRANSPORT=syslog

echo "== systemctl"
must "status shows it active" sh -c 'systemctl status keepalived | grep -q "Active: active (running)"'
forget
was=$(pid)
sed -i 's/weight 3/weight 7/' /etc/keepalived/keepalived.conf
must "reload" systemctl reload keepalived
must "when reload returns, the new weight is in the kernel" has_server 7
must "and the process is the same" test "$(pid)" = "$was"
echo 'virtual_server group' >>/etc/keepalived/keepalived.conf
must "a reload with a file that no daemon could start with fails" not systemctl reload keepalived
must "after which the old configuration is in force" has_server 7
sed -i -e '/^virtual_server group$/d' -e 's/weight 7/weight 3/' /etc/keepalived/keepalived.conf
must "reload" systemctl reload keepalived
must "when it returns, the old weight is there" has_server 3
figure "three reloads"
forget
must "restart" systemctl restart keepalived
eventually "the address and the table are there again" serves
must "and the process is another" test "$(pid)" != "$was"
figure "a restart"

echo "== killed, and hung"
forget
kill -9 "$(pid)"
eventually "a killed daemon's address goes" sh -c '! ip -4 -o address show | grep -q " 10.9.0.100/"'
eventually "and comes back" serves
must "the table stayed" test "$(gone table)" = "0.00 s"
must "one restart" test "$(restarts)" = 1
figure "kill -9"
# The real one waits 20 s. By keepalived's name: drop-ins of it are heeded.
mkdir -p /etc/systemd/system/keepalived.service.d
printf '[Service]\nWatchdogSec=3\nTimeoutStopSec=2\nTimeoutAbortSec=2\n' >/etc/systemd/system/keepalived.service.d/test.conf
systemctl daemon-reload
systemctl restart keepalived
eventually "with a drop-in of keepalived.service.d" serves
sleep 4
must "the watchdog leaves a healthy one alone" test "$(restarts)" = 0
forget
kill -STOP "$(pid)"
eventually "the watchdog ends one that hangs" sh -c 'journalctl -o cat -u rkeepalived | grep -q "Watchdog timeout"'
eventually "and it serves again" sh -c "test \$(systemctl show --value -p NRestarts keepalived) = 1"
eventually "with address and table" serves
figure "a hung daemon (WatchdogSec=3)"
kill -STOP "$(pid)"
systemctl stop keepalived
must "one that has to be killed at a stop leaves no address" not has_vip
must "and no table" is_empty
rm -r /etc/systemd/system/keepalived.service.d
systemctl daemon-reload
systemctl reset-failed keepalived
systemctl start keepalived

echo "== hardened"
eventually "it serves" serves
grep -E '^(NoNewPrivs|CapBnd|Seccomp):' "/proc/$(pid)/status" | tr '\t\n' '  ' | sed 's/^/figure  as shipped: /; s/$/\n/'
echo "figure  systemd-analyze security as shipped: $(systemd-analyze security keepalived | tail -n 1)"
mkdir -p /etc/systemd/system/rkeepalived.service.d
cp /usr/share/doc/rkeepalived/examples/hardened.conf /etc/systemd/system/rkeepalived.service.d/
systemctl daemon-reload
must "restart with examples/hardened.conf" systemctl restart keepalived
eventually "it serves" serves
must "it has no new privileges" grep -q '^NoNewPrivs:.1' "/proc/$(pid)/status"
must "reload" systemctl reload keepalived
kill -USR1 "$(pid)"
eventually "dumps are written to /tmp" test -s /tmp/keepalived.data
must "rkeepalived status" sh -c 'rkeepalived status | grep -q MASTER'
echo "figure  systemd-analyze security hardened: $(systemd-analyze security keepalived | tail -n 1)"
systemctl stop keepalived
must "a stop leaves no address" not has_vip
must "and no table" is_empty
must "and no pid file" sh -c '! ls /run/keepalived.pid /run/vrrp.pid /run/checkers.pid 2>/dev/null | grep -q .'
rm -r /etc/systemd/system/rkeepalived.service.d
systemctl daemon-reload
systemctl start keepalived
eventually "it serves as shipped" serves

echo "== it goes"
dpkg -L rkeepalived | while read -r path; do [ ! -f "$path" ] || echo "$path"; done >/run/files
must "apt removes it" apt-get remove --yes rkeepalived
must "nothing runs" not pgrep -x keepalived
must "no address is left" not has_vip
must "no table is left" is_empty
left=$(while read -r path; do [ ! -e "$path" ] && [ ! -L "$path" ] || echo "$path"; done </run/files)
must "no file of its list is left $left" test -z "$left"
must "apt purges it" apt-get purge --yes rkeepalived
left=$(find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /run \) -prune -o -iname '*rkeepalived*' -print)
must "nothing of its name is left $left" test -z "$left"
must "but the group, whose number must not become another's" getent group rkeepalived
left=$(find /run -iname '*keepalived*' ! -path '/run/systemd/*')
must "nor in /run $left" test -z "$left"
must "/etc/keepalived and /etc/default/keepalived are there" sh -c 'sha256sum --check --quiet /run/sums'

echo "== and back"
must "installed again" apt-get install --yes --no-install-recommends "$DEB"
eventually "it serves" serves
must "its status.sock is the group's again" test "$(stat -c %G /run/rkeepalived/status.sock)" = rkeepalived
forget
must "keepalived is installed over it" apt-get install --yes --no-install-recommends --allow-downgrades "$OLD"
eventually "keepalived serves" serves
figure "the way back"
must "it is keepalived" sh -c 'keepalived -v 2>&1 | grep -q "^Keepalived v2.2.7"'
must "rkeepalived is not installed any more" sh -c '! dpkg-query -W -f "\${db:Status-Status}" rkeepalived | grep -qx installed'
must "the files are the same" sh -c 'sha256sum --check --quiet /run/sums'

echo "== as it was switched off"
systemctl disable --now keepalived
must "installed over one that is disabled" apt-get install --yes --no-install-recommends "$DEB"
must "it is disabled too" sh -c 'test "$(systemctl is-enabled rkeepalived)" = disabled'
must "and does not run" not pgrep -x keepalived
echo done
