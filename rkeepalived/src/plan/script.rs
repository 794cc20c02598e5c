//! Scripts of the model: who runs them, and which of them root may run.

use keepalived_conf as conf;

use super::Programs;

/// Who runs scripts, and whether root may run them.
pub(super) struct Scripts<'a> {
    pub(super) programs: &'a dyn Programs,
    /// `enable_script_security`: what is unsafe is not run.
    pub(super) secure: bool,
}

impl Scripts<'_> {
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
        let Some(fault) = self.programs.script_fault(program) else {
            return Ok(user);
        };
        let found = format!("Unsafe permissions found for script '{program}'");
        if self.secure {
            return Err(format!("{found} - disabling: {fault}"));
        }
        left_out.push(format!("{found}: {fault}"));
        Ok(user)
    }
}
