//! Who is told of changes: FIFOs, SNMP, D-Bus.

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::lower::script::Runner;
use crate::model::{Fifo, Fifos};

impl Lower<'_> {
    pub(super) fn notify_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "notify_fifo" => self.fifo(node, |fifos| &mut fifos.all),
            "vrrp_notify_fifo" => self.fifo(node, |fifos| &mut fifos.vrrp),
            "lvs_notify_fifo" => self.fifo(node, |fifos| &mut fifos.lvs),
            "notify_fifo_script" => self.fifo_script(node, |fifos| &mut fifos.all),
            "vrrp_notify_fifo_script" => self.fifo_script(node, |fifos| &mut fifos.vrrp),
            "lvs_notify_fifo_script" => self.fifo_script(node, |fifos| &mut fifos.lvs),
            "vrrp_notify_priority_changes" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.fifos.priority_changes);
            }
            "fifo_write_vrrp_states_on_reload" => self.global.fifos.states_on_reload = true,
            _ => return self.snmp_word(node) || self.dbus_word(node),
        }
        true
    }

    fn fifo(&mut self, node: Node<'_>, of: fn(&mut Fifos) -> &mut Fifo) {
        let name = node.name();
        let Some(path) = self.expect_text(node, format!("No {name} name specified")) else {
            return;
        };
        if of(&mut self.global.fifos).path.is_some() {
            self.again(node, format!("{name} already specified - ignoring {path}"));
            return;
        }
        // keepalived behaviour: a user that does not exist is no fault here, the lack of a default one is.
        let owner = self.owner(node);
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        if node.argument(1).is_some() || self.default_user(span).is_ok() {
            let fifo = of(&mut self.global.fifos);
            (fifo.path, fifo.owner) = (Some(path), owner);
        }
    }

    fn fifo_script(&mut self, node: Node<'_>, of: fn(&mut Fifos) -> &mut Fifo) {
        let name = node.name();
        if self.expect(node, format!("No {name} specified")).is_none() {
            return;
        }
        if of(&mut self.global.fifos).script.is_some() {
            let script = self.command(node).unwrap_or_default().join(" ");
            self.again(
                node,
                format!("{name} already specified - ignoring {script}"),
            );
            return;
        }
        let script = self.owned_script(node).map(Box::new);
        if let Some(script) = &script {
            let runner = Runner::of(node);
            self.look_at_script(
                runner,
                script,
                node.argument(0).map_or(node.span(), |word| word.span),
            );
        }
        self.keep_some(script, |global| &mut of(&mut global.fifos).script);
    }

    fn snmp_word(&mut self, node: Node<'_>) -> bool {
        let snmp = &mut self.global.snmp;
        match node.name() {
            "snmp_socket" => self.snmp_socket(node),
            "enable_traps" => snmp.traps = true,
            "enable_snmp_vrrp" | "enable_snmp_keepalived" => snmp.vrrp = true,
            "enable_snmp_checker" => snmp.checker = true,
            "enable_snmp_rfc" => (snmp.rfc_v2, snmp.rfc_v3) = (true, true),
            "enable_snmp_rfcv2" => snmp.rfc_v2 = true,
            "enable_snmp_rfcv3" => snmp.rfc_v3 = true,
            "snmp_vs_stats_update_interval" => {
                let interval = self.seconds(node, 1_000..=30_000_000, invalid_interval(node));
                self.keep(interval, |global| &mut global.snmp.virtual_server_interval);
            }
            "snmp_rs_stats_update_interval" => {
                let interval = self.seconds(node, 1_000..=30_000_000, invalid_interval(node));
                self.keep_some(interval, |global| &mut global.snmp.real_server_interval);
            }
            _ => return false,
        }
        true
    }

    fn snmp_socket(&mut self, node: Node<'_>) {
        if let Some(extra) = node.argument(1) {
            let message = "Too many parameters specified for snmp_socket - ignoring";
            self.error_help(Code::InvalidValue, extra.span, message, takes(node));
            return;
        }
        let Some(socket) = self.expect_text(node, "SNMP error : snmp socket name missing") else {
            return;
        };
        if let Some(first) = &self.global.snmp.socket {
            let message = format!("SNMP socket already set to {first} - ignoring");
            self.again(node, message);
            return;
        }
        self.global.snmp.socket = Some(socket);
    }

    fn dbus_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "enable_dbus" => self.global.dbus.enabled = true,
            "dbus_service_name" => {
                let name = self.expect_text(node, "dbus_service_name missing - ignoring");
                self.keep_some(name, |global| &mut global.dbus.service_name);
            }
            "dbus_no_interface_name" => {
                let name = self.expect_text(node, "dbus_no_interface_name missing - ignoring");
                self.keep_some(name, |global| &mut global.dbus.no_interface_name);
            }
            _ => return false,
        }
        true
    }
}

fn invalid_interval(node: Node<'_>) -> impl Fn(&str) -> String {
    let name = node.name();
    move |text| format!("{name} '{text}' is invalid")
}
