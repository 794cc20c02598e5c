//! Names that a host gives to numbers of the kernel's routing: a line each, `NUMBER NAME`, as iproute2 keeps them in `rt_tables`
//! and its like; the number may be hexadecimal after `0x`, and `#` begins a comment.

use std::collections::HashMap;

use super::routing::any_base;

/// The names of a file; of two numbers of one name the first counts. A line that is none of that says nothing.
pub(crate) fn parse(text: &[u8]) -> HashMap<String, u32> {
    let mut names = HashMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let number = words.next().and_then(any_base);
        let number = number.and_then(|number| u32::try_from(number).ok());
        if let (Some(number), Some(name), None) = (number, words.next(), words.next()) {
            names.entry(name.to_owned()).or_insert(number);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_debian_delivers_them_and_as_people_add_them() {
        let text = "#\n# reserved values\n#\n255\tlocal\n254\tmain\n0\tunspec\n#\n# local\n#\n#1\tinr.ruhep\n\
                    \t100 uplink # the second provider\n0x68 AF31\nuplink 7\n101\n102 two words\n200 uplink\n";
        let names = parse(text.as_bytes());
        assert_eq!(names.get("uplink"), Some(&100));
        assert_eq!(names.get("local"), Some(&255));
        assert_eq!(names.get("AF31"), Some(&0x68));
        assert_eq!(names.len(), 5, "{names:?}");
    }
}
