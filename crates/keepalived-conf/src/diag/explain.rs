//! What a complaint means, at length: why it is made, what happens otherwise, what to do.

use super::Code;

impl Code {
    /// The explanation, in lines of at most 105 bytes.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::FileMissing => {
                "The configuration file, or one it is made of, cannot be read: it is not there, or its mode forbids it.
keepalived -t exits 0 for a configuration file that is missing (4 with -e); a daemon does not start (6)."
            }
            Self::MissingParameter => {
                "The line ends before a word that must be there, such as the name of an interface.
keepalived stops at the first such line, in a test and at start, with exit status 2: nothing after it
is looked at. Often a definition is empty, or the value stands on the next line."
            }
            Self::UnknownKeyword => {
                "The first word of the line is no keyword, or none of this block. The line is ignored and the rest
is used. If the word opens a block, that block is not skipped: its lines count as lines of the block
around it, and its `}` closes that one, so that one mistake makes many complaints. Mend the first one
and test again."
            }
            Self::UnexpectedBrace => {
                "A `{` follows a word that opens no block: an unknown one, or a keyword of one line. The brace is
ignored, but the `}` that belongs to it closes the block around it."
            }
            Self::MissingOpeningBrace => {
                "A block has no `{`. The lines that follow are read as its content all the same."
            }
            Self::ExtraBrace => {
                "A `}` closes nothing. Either there is one too many, or the block was closed before by the `}` of
an unknown block (see unknown-keyword)."
            }
            Self::UnbalancedBraces => {
                "At the end of the file blocks are still open. What they hold is used. `rkeepalived fmt` shows by
its indentation where a brace is missing."
            }
            Self::UnterminatedQuote => {
                "A quote is not closed on its line; the line is ignored. A quoted text cannot go on on the next
line."
            }
            Self::LineTooLong => {
                "A line may have 1024 bytes. A longer one is not read at all. Long lists go one entry a line; a
long command belongs in a script."
            }
            Self::InvalidSequence => {
                "`~SEQ(VAR, START, STEP, END) TEXT` reads TEXT once for each number, `~LST(VAR, a, b) TEXT` once for
each word, with $VAR standing for it. Here the values between the parentheses are none. The line is
ignored."
            }
            Self::NotReplaced => {
                "A word looks like `$NAME` or `${NAME}` and is not replaced: that name is not defined before this line,
or it is defined on several lines and does not stand at the end of this one. keepalived says nothing
and takes the word as it is; the braces of `${NAME}` then count as those of a block."
            }
            Self::HiddenBackslash => {
                "A definition of several lines goes on as long as its lines end with a backslash. A backslash in a
comment is none, so the definition ends there and the lines after it are read where they stand.
keepalived before 2.4 read on. Move the comment out of the definition."
            }
            Self::DefinitionLoop => {
                "The value of a definition leads back to its own name, as in `$A=$A`. keepalived never comes to an end
with such a file. The lines that use it are ignored, and the daemon does not start without them."
            }
            Self::TooMuchText => {
                "Definitions that stand in one another and long sequences make more text than any configuration has.
What follows is not read, and the daemon does not start without it."
            }
            Self::IncludeSkipped => {
                "A file that an include names is not there, cannot be read, is a folder or may be executed. A plain
`include` goes on without it and changes no exit status. `includer`, `includem`, `includew`, `includeb`
and `includea` insist on what they name."
            }
            Self::IncludeRefused => {
                "A file that an include insists on is not there or cannot be read. keepalived -t exits 6, and a daemon
does not start. Names are relative to the folder of the file they stand in."
            }
            Self::IncludeLoop => {
                "A file includes itself, by way of others perhaps, or very many files are included. It is not read
again, and the daemon does not start with a part of its configuration."
            }
            Self::InvalidNumber => {
                "The word is no number, or out of the range that the keyword has. The line is ignored and the
default stays, unless the message says otherwise. `docs/keywords.md` lists ranges and defaults."
            }
            Self::InvalidValue => {
                "The keyword takes one of a few words, and this is none of them. They are told apart by letter case:
`NAT` is one, `nat` is not."
            }
            Self::InvalidAddress => {
                "The word is no IP address, or one that cannot stand here: of another family, no multicast address,
a prefix where a host is wanted."
            }
            Self::InvalidName => "A block has no name, or one that is too long to be used.",
            Self::Duplicate => {
                "The same thing is said twice where once is all there can be. Which of the two counts is in the
message; it is not always the last."
            }
            Self::Deprecated => {
                "The keyword still works, or is still accepted, but has a successor. Test statuses count it as a
complaint, as keepalived does."
            }
            Self::Refused => "The keyword is known, and not accepted here for the reason given.",
            Self::PasswordTruncated => {
                "VRRP version 2 carries 8 bytes of password. keepalived uses the first 8, and so do we: two routers
whose passwords differ only after the 8th byte do understand each other."
            }
            Self::Authentication => {
                "The authentication that is asked for cannot be: an unknown type, a password without a type, or one
with VRRP version 3, which has none."
            }
            Self::VridMissing => {
                "An instance has no virtual_router_id, or an invalid one. It is how the routers of one group find
each other, so there is no default. The daemon does not start (2)."
            }
            Self::VridClash => {
                "Two instances have the same virtual router id on one interface and address family: each would take
the other's advertisements for its own group's. The daemon does not start (2)."
            }
            Self::UnknownInterface => {
                "The host has no such interface now. Interfaces that come later are met with `dynamic_interfaces`
in global_defs. `ip link` lists those that there are."
            }
            Self::StaticInterface => {
                "A static address names no interface with `dev`, and `default_interface` (eth0 unless global_defs says
otherwise) is not on this host. The address is dropped. keepalived -t exits 4 for it."
            }
            Self::InterfaceMissing => {
                "An instance has no interface to speak on, or one that the host does not have. The daemon does not
start (2); keepalived tells no more about its VRRP part after this."
            }
            Self::NoVirtualAddress => {
                "An instance without a virtual address elects a master that holds nothing. Version 3 and strict
mode do not allow it."
            }
            Self::VirtualAddressRequired => {
                "With version 3 or strict mode an instance must have a virtual address, or say
`no_virtual_ipaddress`. The daemon does not start (2)."
            }
            Self::Conflict => {
                "Two settings do not go together; the message says which of them is dropped or changed."
            }
            Self::StrictUnicast => {
                "RFC 3768 and RFC 9568 know multicast adverts only, so strict mode does not go with `unicast_peer`. The
daemon does not start (2)."
            }
            Self::KeyFileReadable => {
                "Who can read the key of `auth_hmac` can sign adverts and take the addresses. Give the file to root and
take the rights of group and others away: `chmod 600`."
            }
            Self::SyncGroup => {
                "A sync group fails over as one, so it wants two members at least, each of which exists. Members
that do not exist are left out; a group without members is removed."
            }
            Self::DefaultUsed => {
                "A setting that is nearly always wanted is not there, and its default is used. keepalived counts
that as a complaint: write the default down to have it in silence."
            }
            Self::NoRealServers => {
                "A virtual server without a real server is ignored: nothing is put into the kernel for it, and
clients are refused."
            }
            Self::PortMismatch => {
                "With DR and TUN the packet reaches the real server as the client sent it, so its port is the
virtual server's whatever is written; with a firewall mark there is no port at all. The port is
corrected."
            }
            Self::IncompleteCheck => {
                "A check lacks what it is to check, such as a url. It is removed; a real server without any check
is always up."
            }
            Self::ScriptSecurity => {
                "A script is run, and `enable_script_security` is not set in global_defs. Scripts run as root unless
script_user says otherwise: whoever can write the script, or rename a folder of its path, is root then.
With enable_script_security such scripts are not run. Test status 6."
            }
            Self::UnknownTracker => {
                "A block such as track_script names a script, file, process or BFD session that was not defined
before it. The entry is dropped: whatever happens to what it was meant for, the master stays. Define
it above the block, and look at the spelling."
            }
            Self::IncompleteBlock => {
                "A block lacks a line that it must have, such as `script` in vrrp_script. The block is removed, and
what refers to it is dropped."
            }
            Self::InterfaceAbsent => {
                "The host has no such interface now. The line is ignored; the daemon starts all the same. With
`dynamic_interfaces` in global_defs such lines are kept. Test status 4."
            }
            Self::ScriptUser => {
                "Scripts run as the `user` of their block, else as `script_user` of global_defs, else as the user
keepalived_script if there is one, else as root. With enable_script_security root must be asked for:
`script_user root`. A script without a user that the host has is removed."
            }
            Self::ScriptMissing => {
                "The host has no such program, or it is no program: its mode forbids to execute it, or its first
line does not say what reads it. A vrrp_script is disabled then and no longer tracked, a notify script
does nothing. A name without a folder is looked for in PATH."
            }
            Self::ScriptUnsafe => {
                "The script would run as root, and somebody else can change it: the file, or a folder of its path,
belongs to another user, or a group or everybody may write to it. With enable_script_security it is
not run."
            }
            Self::PathMissing => {
                "The file would be created at start, but there is no folder for it. What is to be done with the
file is left out."
            }
            Self::NotYet => {
                "The keyword is read, checked and accepted, but this version does not act on it. keepalived would."
            }
            Self::LeftOut => {
                "The file is understood, but the daemon leaves this instance, virtual server or check out, wholly or
in part: this version does not have what it needs, or the host does not (a script, a user). What is
left out and why is told; an instance that would make a second master is left out whole."
            }
            Self::Ignored => {
                "The keyword is accepted so that old files go on working, and never has an effect, for the reason
given."
            }
            Self::DeafAddress => {
                "Strict mode follows the letter of RFC 5798: a master that does not own the address accepts no
packets sent to it. keepalived drops them with the firewall, pings, virtual servers and local services
alike. `accept` in the instance lets them in; priority 255 makes the router the owner."
            }
            Self::VridOnSegment => {
                "Routers tell groups apart by the virtual router id alone. Two instances on different interfaces
may share one if the interfaces lead into different segments; their addresses are of one network, so
they probably do not."
            }
            Self::ServiceClash => {
                "Two virtual servers, or a virtual server and a group that another one uses, listen on the same
address, port and protocol, or on the same firewall mark. The kernel keeps one service there."
            }
            Self::RealIsVirtual => {
                "A real server has an address that a virtual server or a VRRP instance of the same file has. While
this host holds it, packets for that real server come back to this host."
            }
            Self::TooMany => "There were more complaints than are kept; mend the first ones.",
        }
    }
}
