//! `advert_int`, as the version of the protocol can carry it.

use super::Draft;
use crate::diag::Code;
use crate::lower::Lower;
use crate::model::Centis;

/// The longest interval of version 3, in hundredths of a second: twelve bits.
const LONGEST: u32 = 4095;

impl Lower<'_> {
    pub(super) fn advert_interval(&mut self, draft: &Draft, version: u8) -> Centis {
        let Some((interval, span)) = draft.advert_interval else {
            return Centis(100);
        };
        let name = &draft.name;
        let micros = interval.as_micros();
        let seconds = || format!("{}.{:06}s", micros / 1_000_000, micros % 1_000_000);
        let rounded = |unit: u128| u32::try_from((micros + unit / 2) / unit).unwrap_or(u32::MAX);
        if version == 2 {
            if micros % 1_000_000 != 0 {
                let message = format!(
                    "({name}) VRRPv2 advertisement interval {} must be an integer. rounding",
                    seconds()
                );
                let help = "`version 3` knows parts of a second";
                self.warning(Code::InvalidNumber, span, message, help);
            }
            return Centis(rounded(1_000_000).max(1) * 100);
        }
        let centis = rounded(10_000);
        if micros % 10_000 != 0 {
            let message = format!(
                "({name}) VRRPv3 advertisement interval {} must be in units of 10ms - rounding",
                seconds()
            );
            let help = "two decimals are what an advert can carry";
            self.warning(Code::InvalidNumber, span, message, help);
        }
        if centis > LONGEST {
            let message = format!(
                "({name}) VRRPv3 advertisement interval {}.{:02}s is out of range. Must be less than 40.96s. Setting to 40.95s",
                centis / 100,
                centis % 100
            );
            self.error(Code::InvalidNumber, span, message);
        }
        Centis(centis.clamp(1, LONGEST))
    }
}
