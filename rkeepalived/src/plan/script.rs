//! Scripts of the model: who runs them, and which of them root may run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use keepalived_conf as conf;

use super::Programs;
use crate::notify::Script;

/// Who runs scripts, and whether root may run them.
pub(super) struct Scripts<'a> {
    programs: &'a dyn Programs,
    /// `enable_script_security`: what is unsafe is not run.
    secure: bool,
    /// What was found of each program; thousands of servers may have the same.
    found: RefCell<HashMap<String, Option<String>>>,
}

impl<'a> Scripts<'a> {
    pub(super) fn new(programs: &'a dyn Programs, secure: bool) -> Scripts<'a> {
        Scripts {
            programs,
            secure,
            found: RefCell::default(),
        }
    }

    /// A script that is told something; none where it must not be run.
    pub(super) fn script(
        &self,
        script: Option<&conf::Script>,
        what: &str,
        left_out: &mut Vec<String>,
    ) -> Option<Arc<Script>> {
        let script = script?;
        match self.user(script, left_out) {
            Ok(user) => Some(Arc::new(Script {
                argv: script.argv.clone(),
                user,
            })),
            Err(reason) => {
                left_out.push(format!(
                    "{what} left out, so nobody is told by it: {reason}"
                ));
                None
            }
        }
    }

    /// Who runs a script: whom the configuration names, else ourselves. What root runs has to be safe from everybody else.
    pub(super) fn user(
        &self,
        script: &conf::Script,
        left_out: &mut Vec<String>,
    ) -> Result<Option<(u32, u32)>, String> {
        let user = script.user.as_ref().map(|user| (user.uid, user.gid));
        if user.is_some_and(|(uid, gid)| uid != 0 && gid != 0) {
            return Ok(user);
        }
        let program = script.argv.first().map_or("", String::as_str);
        let (fault, first) = self.fault(program);
        let Some(fault) = fault else {
            return Ok(user);
        };
        let found = format!("Unsafe permissions found for script '{program}'");
        if self.secure {
            return Err(format!("{found} - disabling: {fault}"));
        }
        if first {
            left_out.push(format!("{found}: {fault}"));
        }
        Ok(user)
    }

    /// What is unsafe about a program, and whether that was asked for the first time.
    fn fault(&self, program: &str) -> (Option<String>, bool) {
        let known = self.found.borrow().get(program).cloned();
        if let Some(fault) = known {
            return (fault, false);
        }
        let fault = self.programs.script_fault(program);
        let mut found = self.found.borrow_mut();
        found.insert(program.to_owned(), fault.clone());
        (fault, true)
    }
}
