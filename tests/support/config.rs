//! The published configuration, and the corrections that a user of it has to make.

/// The file as it was published, mistakes included.
pub const PUBLISHED: &str = include_str!("../config/blog.conf");

/// The virtual address of the published file.
pub const VIP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(172, 16, 1, 1);
/// The instance's name in it.
pub const INSTANCE: &str = "LVS_Teste";
/// The page that its checks ask for.
pub const PAGE: &str = "/teste.html";
/// The password in it; only the first eight characters are sent.
pub const PASSWORD: &[u8; 8] = b"LvSbAlan";
/// The number that replaces its impossible `virtual_router_id 500`.
pub const VRID: u8 = 50;

const DIGESTS: [&str; 2] = [
    "dcec999b7ece0cc82e62145eb832731f",
    "78617b939168605ad578d3625dc3e75e",
];

/// Which of the two directors a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `state MASTER`, priority 100, as published.
    First,
    /// `state BACKUP`, priority 90.
    Second,
}

impl Role {
    /// Its VRRP priority.
    #[must_use]
    pub fn priority(self) -> u8 {
        match self {
            Self::First => 100,
            Self::Second => 90,
        }
    }
}

/// The corrected file for one director.
#[derive(Debug, Clone)]
pub struct Blog {
    text: String,
}

impl Blog {
    /// What has to be corrected for this role, with the digests of the two pages.
    #[must_use]
    pub fn corrected(role: Role, digests: &[String; 2]) -> Self {
        let mut text = PUBLISHED.replace(
            "virtual_router_id 500",
            &format!("virtual_router_id {VRID}"),
        );
        for (published, ours) in DIGESTS.iter().zip(digests) {
            text = text.replace(published, ours);
        }
        if role == Role::Second {
            text = text
                .replace("state MASTER", "state BACKUP")
                .replace("priority 100", &format!("priority {}", role.priority()));
        }
        Self { text }
    }

    /// Replaces text that must be there.
    #[must_use]
    pub fn with(mut self, old: &str, new: &str) -> Self {
        debug_assert!(self.text.contains(old), "the configuration has no `{old}`");
        self.text = self.text.replace(old, new);
        self
    }

    /// Gives the first real server another weight.
    #[must_use]
    pub fn first_weight(mut self, weight: u16) -> Self {
        self.text = self
            .text
            .replacen("weight 1", &format!("weight {weight}"), 1);
        self
    }

    /// Adds lines at the end.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        self.text.push('\n');
        self.text.push_str(more);
        self.text.push('\n');
        self
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> [String; 2] {
        ["a".repeat(32), "b".repeat(32)]
    }

    #[test]
    fn the_first_director_changes_only_the_number_and_the_digests() {
        let text = Blog::corrected(Role::First, &digests()).text().to_owned();
        let changed: Vec<_> = PUBLISHED
            .lines()
            .zip(text.lines())
            .filter(|(a, b)| a != b)
            .map(|(_, b)| b.trim())
            .collect();
        assert_eq!(changed.len(), 3);
        assert!(changed[0].starts_with("virtual_router_id 50 #"));
        assert!(changed[1].starts_with("digest aaaa"));
        assert!(changed[2].starts_with("digest bbbb"));
    }

    #[test]
    fn the_second_director_is_a_backup() {
        let text = Blog::corrected(Role::Second, &digests()).text().to_owned();
        assert!(text.contains("state BACKUP #"));
        assert!(text.contains("priority 90"));
        assert!(!text.contains("state MASTER"));
    }

    #[test]
    fn only_the_first_weight_changes() {
        let text = Blog::corrected(Role::First, &digests())
            .first_weight(7)
            .text()
            .to_owned();
        assert_eq!(text.matches("weight 7").count(), 1);
        assert_eq!(text.matches("weight 1").count(), 1);
        assert!(text.find("weight 7") < text.find("weight 1"));
    }
}
