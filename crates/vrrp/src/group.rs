//! Sync groups: which instances change state together.

use crate::id::Name;
use crate::track::Tracked;

/// A sync group: the positions of its members among the router's instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: Name,
    pub(crate) members: Vec<usize>,
    /// What is tracked for each of them.
    pub(crate) tracked: Vec<Tracked>,
    /// Whether weights of what members track themselves count.
    pub(crate) tracking_weight: bool,
}

/// Which group each of `names` belongs to: the first one that names it. Groups without a member are left out.
pub(crate) fn plan(groups: Vec<crate::config::GroupConfig>, names: &[Name]) -> Vec<Group> {
    let mut taken = vec![false; names.len()];
    let mut planned = Vec::new();
    for group in groups {
        let mut members = Vec::new();
        for member in &group.members {
            let Some(index) = names.iter().position(|name| name == member) else {
                continue;
            };
            if let Some(free) = taken.get_mut(index)
                && !*free
            {
                *free = true;
                members.push(index);
            }
        }
        if !members.is_empty() {
            planned.push(Group {
                name: group.name,
                members,
                tracked: group.tracked,
                tracking_weight: group.tracking_weight,
            });
        }
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GroupConfig;

    fn group(name: &str, members: &[&str]) -> GroupConfig {
        GroupConfig {
            name: Name::from(name),
            members: members.iter().copied().map(Name::from).collect(),
            tracked: Vec::new(),
            tracking_weight: false,
        }
    }

    #[test]
    fn an_instance_belongs_to_the_first_group_that_names_it() {
        let names = ["A", "B", "C"].map(Name::from);
        let planned = plan(
            vec![
                group("G", &["B", "X", "A", "B"]),
                group("H", &["A", "C"]),
                group("I", &["X"]),
            ],
            &names,
        );
        assert_eq!(
            planned,
            [
                Group {
                    name: Name::from("G"),
                    members: vec![1, 0],
                    tracked: Vec::new(),
                    tracking_weight: false,
                },
                Group {
                    name: Name::from("H"),
                    members: vec![2],
                    tracked: Vec::new(),
                    tracking_weight: false,
                },
            ]
        );
    }
}
