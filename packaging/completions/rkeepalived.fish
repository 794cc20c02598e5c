# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rkeepalived_global_optspecs
    string join \n f/use-file= P/vrrp C/check B/no_bfd all l/log-console D/log-detail S/log-facility= G/no-syslog u/umask= X/release-vips V/dont-release-vrrp I/dont-release-ipvs R/dont-respawn n/dont-fork d/dump-conf p/pid= r/vrrp_pid= c/checkers_pid= a/address-monitoring b/bfd_pid= x/snmp A/snmp-agent-socket= s/namespace= m/core-dump M/core-dump-pattern= e/all-config i/config-id= signum= t/config-test= g/log-file= flush-log-file config-fd= debug= perf= no-mem-check ignore-sigint socket= socket-group= http= v/version h/help
end

function __fish_rkeepalived_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rkeepalived_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rkeepalived_using_subcommand
    set -l cmd (__fish_rkeepalived_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s f -l use-file -d 'Use the specified configuration file, or files if it has wildcards or braces [default: /etc/keepalived/keepalived.conf]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s S -l log-facility -d 'Syslog facility: 0-7, local0-local7, user or daemon [default: daemon]' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s u -l umask -d 'umask for the files that are created, in octal' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s p -l pid -d 'Pid file of the daemon [default: /run/keepalived.pid]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s r -l vrrp_pid -d 'Pid file written while VRRP is configured [default: /run/vrrp.pid]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s c -l checkers_pid -d 'Pid file written while virtual servers are configured [default: /run/checkers.pid]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s b -l bfd_pid -d 'Pid file of the BFD subsystem' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s A -l snmp-agent-socket -d 'Socket of the SNMP master agent' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s s -l namespace -d 'Run in this network namespace' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s M -l core-dump-pattern -d 'Set the kernel\'s core_pattern' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s i -l config-id -d 'Which `@ID` lines of the configuration to use [default: the node name]' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l signum -d 'Print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s t -l config-test -d 'Check the configuration and exit; findings go to standard error or FILE' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s g -l log-file -d 'Log to a file; keepalived\'s Debian build does not have it either' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l config-fd -d 'keepalived\'s children read their configuration from here' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l debug -d 'Of keepalived\'s debugging builds' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l perf -d 'Of keepalived\'s debugging builds' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l socket -d 'Folder of the control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l socket-group -d 'Group that may look through status.sock [default: rkeepalived, where there is one]' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l http -d 'Serve the status over HTTP, read only, at this address and port: a page at /, /metrics, /status.json, /livez, /readyz' -r
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s P -l vrrp -d 'Only run the VRRP subsystem'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s C -l check -d 'Only run the health checking subsystem'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s B -l no_bfd -d 'Don\'t run the BFD subsystem'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l all -d 'Run every subsystem, even without configuration for it'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s l -l log-console -d 'Log to standard error too (together with -n)'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s D -l log-detail -d 'Log in more detail (twice: more still)'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s G -l no-syslog -d 'Don\'t log to syslog'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s X -l release-vips -d 'Drop VIPs on transition from signal'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s V -l dont-release-vrrp -d 'Keep VIPs and routes when the daemon stops'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s I -l dont-release-ipvs -d 'Keep the IPVS table when the daemon stops'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s R -l dont-respawn -d 'Don\'t respawn child processes (there are none)'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s n -l dont-fork -d 'Don\'t go to the background'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s d -l dump-conf -d 'Log the configuration at start; with -t, print the effective one: all files resolved'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s a -l address-monitoring -d 'Report all address additions and deletions'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s x -l snmp -d 'Enable SNMP'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s m -l core-dump -d 'Dump core when terminating abnormally'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s e -l all-config -d 'A missing configuration file is an error'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l flush-log-file -d 'With a log to a file'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l no-mem-check -d 'Of keepalived\'s debugging builds'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -l ignore-sigint -d 'Of keepalived\'s debugging builds'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s v -l version -d 'Print the version and exit'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -s h -l help -d 'Print this help and exit'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "check" -d 'Say what is wrong with configuration files, and what may be'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "fmt" -d 'Print a file in canonical layout, comments kept'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "clean" -d 'Remove what a daemon that was killed left: virtual addresses and IPVS services of its configuration'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "status" -d 'Show the running daemon: instances, servers, checks, connections and rates'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "watch" -d 'Show the same as a live table'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "events" -d 'Show what happened, in order: changes of state, failures, reloads'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "reload" -d 'Read the configuration again, wait, and print what changed or why nothing did'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "plan" -d 'Print what a reload with this file would change in kernel, addresses and checks; nothing is touched'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "drain" -d 'Send no new clients to a real server: weight 0 in the kernel at once. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "disable" -d 'Take a real server out of the pool, as if a check had failed it. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "enable" -d 'Give a real server back the weight that configuration and checks give'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "weight" -d 'Give a real server a weight. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "handover" -d 'Give mastership of a VRRP instance away and stand back, or take it back'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "log" -d 'Set what is logged from now on'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "doctor" -d 'Look for what on this host keeps the configuration from working: settings, modules, firewall, other daemons'
complete -c rkeepalived -n "__fish_rkeepalived_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand check" -s i -l config-id -d 'Which `@ID` lines to use [default: the node name]' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand check" -l explain -d 'Tell more about a code, as `unknown-keyword`; without one, list them all' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand check" -l json -d 'One JSON object with all findings; lines and columns count from 1, columns in bytes, `end_column` is the one after the last'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand check" -l here -d 'Hold the interfaces, users and scripts of this host against the files too'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -s i -l config-id -d 'Which `@ID` lines to use [default: the node name]' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -s w -l write -d 'Write the layout back into the files instead of printing it'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -s d -l diff -d 'Only name the files that are laid out otherwise'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -l dump-conf -d 'Print the effective configuration: includes, definitions and conditions resolved, one file'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -l defaults -d 'With --dump-conf: the defaults of what is not said, as comments'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand fmt" -l show-secrets -d 'With --dump-conf: passwords and keys in clear instead of ***'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand status" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand status" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand status" -l json -d 'The whole document as JSON (docs/control.md)'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand watch" -s n -l interval -d 'Seconds between two looks' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand watch" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand watch" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand events" -l after -d 'Only those after the one with this number' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand events" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand events" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand events" -l json -d 'A line of JSON an event (docs/control.md)'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand events" -s f -l follow -d 'Go on with those to come, until interrupted'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand reload" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand reload" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand plan" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand plan" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand drain" -l timeout -d 'Wait no longer than this many seconds' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand drain" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand drain" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand drain" -l wait -d 'Wait until it has no established connection any more'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand disable" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand disable" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand enable" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand enable" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand weight" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand weight" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand handover" -l timeout -d 'Wait no longer than this many seconds for the other router, or for ourselves' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand handover" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand handover" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand handover" -l back -d 'Take mastership back'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand log" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand log" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand doctor" -s f -l use-file -d 'The configuration that is to work [default: /etc/keepalived/keepalived.conf]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand doctor" -l socket -d 'Folder of the daemon\'s control sockets [default: /run/rkeepalived]' -r -F
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand doctor" -l instance -d '`instance` of the daemon\'s configuration, where it has one' -r
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "check" -d 'Say what is wrong with configuration files, and what may be'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "fmt" -d 'Print a file in canonical layout, comments kept'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "clean" -d 'Remove what a daemon that was killed left: virtual addresses and IPVS services of its configuration'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "status" -d 'Show the running daemon: instances, servers, checks, connections and rates'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "watch" -d 'Show the same as a live table'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "events" -d 'Show what happened, in order: changes of state, failures, reloads'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "reload" -d 'Read the configuration again, wait, and print what changed or why nothing did'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "plan" -d 'Print what a reload with this file would change in kernel, addresses and checks; nothing is touched'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "drain" -d 'Send no new clients to a real server: weight 0 in the kernel at once. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "disable" -d 'Take a real server out of the pool, as if a check had failed it. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "enable" -d 'Give a real server back the weight that configuration and checks give'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "weight" -d 'Give a real server a weight. Outlives reloads, until enable'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "handover" -d 'Give mastership of a VRRP instance away and stand back, or take it back'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "log" -d 'Set what is logged from now on'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "doctor" -d 'Look for what on this host keeps the configuration from working: settings, modules, firewall, other daemons'
complete -c rkeepalived -n "__fish_rkeepalived_using_subcommand help; and not __fish_seen_subcommand_from check fmt clean status watch events reload plan drain disable enable weight handover log doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
