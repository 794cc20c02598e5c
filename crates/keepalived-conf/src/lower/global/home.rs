//! The words outside of blocks.

use super::Lower;
use crate::ast::Node;
use crate::model::IpvsNamespace;

impl Lower<'_> {
    pub(super) fn home_word(&mut self, node: Node<'_>) {
        match node.name() {
            "net_namespace" => {
                if let Some(name) = self.expect_text(node, "net_namespace name missing - ignoring")
                {
                    let message = format!("Duplicate net_namespace definition {name} - ignoring");
                    self.once(node, name, message, |global| &mut global.home.net_namespace);
                    self.global.home.use_pid_dir = true;
                }
            }
            "net_namespace_ipvs" => {
                let name = node.argument(0).map(|word| word.text.into_owned());
                if self.global.home.net_namespace_ipvs.is_some() {
                    let name = name.unwrap_or_default();
                    let message =
                        format!("Duplicate net_namespace_ipvs definition {name} - ignoring");
                    self.again(node, message);
                } else {
                    let namespace = name.map_or(IpvsNamespace::Initial, IpvsNamespace::Named);
                    self.global.home.net_namespace_ipvs = Some(namespace);
                }
            }
            "instance" => {
                if let Some(name) = self.expect_text(node, "instance name missing - ignoring") {
                    let message = format!("Duplicate instance definition {name} - ignoring");
                    self.once(node, name, message, |global| &mut global.home.instance);
                    self.global.home.use_pid_dir = true;
                }
            }
            "use_pid_dir" => self.global.home.use_pid_dir = true,
            "child_wait_time" => {
                let also = |text: &str| format!("Invalid child_wait_time {text}");
                let wait = self.whole_seconds(node, u32::MAX, also);
                self.keep(wait, |global| &mut global.home.child_wait_time);
            }
            "linkbeat_use_polling" => self.global.home.linkbeat_use_polling = true,
            // For a build with ipsets only: its sets are those of the namespace.
            "namespace_with_ipsets" => {}
            _ => {}
        }
    }

    /// Whether there is that interface where the daemon will live. Of a namespace that is not there nothing is known.
    pub(in crate::lower) fn has_interface(&self, name: &str) -> bool {
        match &self.global.home.net_namespace {
            None => self.loader.has_interface(name),
            Some(namespace) => self
                .loader
                .has_interface_in(namespace, name)
                .unwrap_or(true),
        }
    }
}
