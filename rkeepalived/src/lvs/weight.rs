//! What a real server weighs. Pure: always from what is configured and what is seen now, never from the last weight, so
//! that nothing can add up.

/// The largest weight that IPVS takes.
const MOST: i64 = 2_147_483_647;

/// What the number in a file is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileWeight {
    /// The factor. With 0 it only matters whether the number is 0.
    pub factor: i32,
    /// The sign of the product is turned round; with factor 0, a number that is 0 fails.
    pub reverse: bool,
}

/// What the number in a file does to a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileEffect {
    /// It is added to the weight.
    Adds(i64),
    /// The server may have no clients.
    Fails,
}

impl FileWeight {
    /// What a number does.
    ///
    /// keepalived behaviour, observed: a product below -2147483647 fails the server. With factor 0 any number but 0 does.
    #[must_use]
    pub fn effect(self, number: i32) -> FileEffect {
        if self.factor == 0 {
            return match (number == 0) == self.reverse {
                true => FileEffect::Fails,
                false => FileEffect::Adds(0),
            };
        }
        let product = i64::from(number) * i64::from(self.factor);
        let product = if self.reverse { -product } else { product };
        if product < -MOST {
            FileEffect::Fails
        } else {
            FileEffect::Adds(product.min(MOST))
        }
    }
}

/// The weight of a server with `configured` weight, of which dynamic checks ask for others and to which files add.
///
/// keepalived behaviour: what several ask for adds up, each counted from the configured weight; 0 is the least.
#[must_use]
pub fn weight(
    configured: u32,
    asked: impl Iterator<Item = u8>,
    files: impl Iterator<Item = FileEffect>,
) -> u32 {
    let configured = i64::from(configured);
    let asked = asked.map(|asked| i64::from(asked) - configured);
    let added = files.map(|effect| match effect {
        FileEffect::Adds(points) => points,
        FileEffect::Fails => 0,
    });
    let sum = asked.chain(added).fold(configured, i64::saturating_add);
    u32::try_from(sum.clamp(0, MOST)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn effect(factor: i32, reverse: bool, number: i32) -> FileEffect {
        FileWeight { factor, reverse }.effect(number)
    }

    fn weighs(configured: u32, asked: &[u8], files: &[FileEffect]) -> u32 {
        weight(configured, asked.iter().copied(), files.iter().copied())
    }

    // A server of weight 10, by what keepalived 2.2.7 made of it.
    #[test]
    fn recorded_weights() {
        use FileEffect::{Adds, Fails};
        for (number, seen) in [
            (3, 13),
            (-5, 5),
            (-10, 0),
            (-11, 0),
            (-65535, 0),
            (2_147_483_647, 2_147_483_647),
        ] {
            assert_eq!(
                weighs(10, &[], &[effect(1, false, number)]),
                seen,
                "{number}"
            );
        }
        assert_eq!(weighs(10, &[], &[effect(2, true, 1)]), 8);
        assert_eq!(weighs(10, &[], &[effect(-3, false, -2)]), 16);
        // Two files and a dynamic check that asks for 5.
        assert_eq!(weighs(10, &[], &[Adds(-20), Adds(2)]), 0);
        assert_eq!(weighs(10, &[5], &[Adds(-20), Adds(30)]), 15);
        assert_eq!(weighs(10, &[253, 0], &[]), 243);
        // FAULT.
        assert_eq!(effect(2_147_483_647, false, -1), Adds(-2_147_483_647));
        assert_eq!(effect(2_147_483_647, false, -2), Fails);
        assert_eq!(effect(0, false, 2), Fails);
        assert_eq!(effect(0, false, -1), Fails);
        assert_eq!(effect(0, false, 0), Adds(0));
        assert_eq!(effect(0, true, 2), Adds(0));
        assert_eq!(effect(0, true, 0), Fails);
    }

    proptest! {
        #[test]
        fn a_weight_is_in_range_and_more_in_a_file_never_means_less(
            configured in 0..=65_535_u32, asked: Vec<u8>, number in i32::MIN..i32::MAX, factor in 1..=i32::MAX,
        ) {
            let weighs = |number| match effect(factor, false, number) {
                FileEffect::Fails => None,
                effect => Some(weighs(configured, &asked, &[effect])),
            };
            let (less, more) = (weighs(number), weighs(number + 1));
            prop_assert!(less <= more);
            prop_assert!(more.is_none_or(|weight| i64::from(weight) <= MOST));
        }

        #[test]
        fn nothing_asked_and_nothing_added_is_what_is_configured(configured in 0..=65_535_u32) {
            prop_assert_eq!(weighs(configured, &[], &[FileEffect::Adds(0)]), configured);
        }
    }
}
