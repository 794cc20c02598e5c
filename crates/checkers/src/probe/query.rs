//! The question to a name server, and what answers it (RFC 1035 4). Pure: messages in, judgements out.
//!
//! keepalived behaviour: the header decides, the records of an answer are not read. So a truncated answer is one, and
//! one without records, too.

use domain::base::iana::{Opcode, Rcode};
use domain::base::name::PushError;
use domain::base::{Message, MessageBuilder, Name, NameBuilder, Rtype};

use crate::outcome::{DatagramFailure, Stray};

/// What of an answer is looked at, in bytes: more than header and question have.
pub const LOOKED_AT: usize = 512;

/// RFC 1035 2.3.4: with its lengths and its end.
const LONGEST_NAME: usize = 255;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    id: u16,
    name: Name<Vec<u8>>,
    kind: Rtype,
}

/// What a datagram means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The answer to the question, with so many records.
    Answer {
        /// As its header says.
        answers: u16,
    },
    /// The answer to the question: there was an error.
    Refusal(DatagramFailure),
    /// Not the answer to the question.
    Stray(Stray),
}

impl Query {
    /// The question for `name`, whose labels have dots between them (`.` is the root), and for the type with the number
    /// `kind`, under the identifier `id`.
    ///
    /// # Errors
    /// `NotAName` where the name or a label is longer than DNS has them.
    pub fn new(id: u16, name: &str, kind: u16) -> Result<Query, DatagramFailure> {
        let mut builder = NameBuilder::new_vec();
        let labels = name.split('.').filter(|label| !label.is_empty());
        let built = labels
            .map(str::as_bytes)
            .try_for_each(|label| builder.append_label(label))
            .and_then(|()| builder.into_name())
            // domain 0.12 forgets the end of the name when it counts.
            .and_then(|name| match name.len() <= LONGEST_NAME {
                true => Ok(name),
                false => Err(PushError::LongName),
            });
        let name = built.map_err(|error| DatagramFailure::NotAName {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
        let kind = Rtype::from_int(kind);
        Ok(Query { id, name, kind })
    }

    /// As sent: recursion desired, no EDNS.
    ///
    /// # Errors
    /// `NotAName` where the name does not fit; that cannot be.
    pub fn emit(&self) -> Result<Vec<u8>, DatagramFailure> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(self.id);
        builder.header_mut().set_rd(true);
        let mut question = builder.question();
        match question.push((&self.name, self.kind)) {
            Ok(()) => Ok(question.finish()),
            Err(error) => Err(DatagramFailure::NotAName {
                name: self.name.to_string(),
                reason: error.to_string(),
            }),
        }
    }

    /// What `datagram` means, of which [`LOOKED_AT`] bytes count.
    #[must_use]
    pub fn judge(&self, datagram: &[u8]) -> Meaning {
        let datagram = datagram.get(..LOOKED_AT).unwrap_or(datagram);
        let Ok(message) = Message::from_slice(datagram) else {
            return Meaning::Stray(Stray::Unreadable);
        };
        let header = message.header();
        if header.id() != self.id {
            return Meaning::Stray(Stray::OtherId);
        }
        if !header.qr() {
            return Meaning::Stray(Stray::Question);
        }
        if header.opcode() != Opcode::QUERY {
            return Meaning::Stray(Stray::OtherQuestion);
        }
        let rcode = header.rcode();
        // A server that could not read the question cannot repeat it.
        let repeated = message.header_counts().qdcount() > 0 || rcode == Rcode::NOERROR;
        if repeated {
            match message.sole_question() {
                Err(_) => return Meaning::Stray(Stray::OtherQuestion),
                Ok(question) => {
                    let same = *question.qname() == self.name && question.qtype() == self.kind;
                    if !same {
                        return Meaning::Stray(Stray::OtherQuestion);
                    }
                }
            }
        }
        if rcode == Rcode::NOERROR {
            let answers = message.header_counts().ancount();
            return Meaning::Answer { answers };
        }
        Meaning::Refusal(DatagramFailure::Rcode {
            seen: rcode.to_int(),
            name: rcode.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What keepalived 2.2.7 sent for `type A`, `name www.example.com`.
    const ASKED: &[u8] = b"\x64\x39\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
        \x03www\x07example\x03com\x00\x00\x01\x00\x01";
    const ID: u16 = 0x6439;

    fn query() -> Query {
        Query::new(ID, "www.example.com", 1).unwrap()
    }

    /// The question, answered with these flags, and `bytes` behind it.
    fn answered(flags: u16, bytes: &[u8]) -> Vec<u8> {
        let mut answer = [ASKED, bytes].concat();
        answer[2..4].copy_from_slice(&flags.to_be_bytes());
        answer
    }

    #[test]
    fn a_question_is_keepaliveds() {
        assert_eq!(query().emit().unwrap(), ASKED);
        let root = Query::new(0xa1cf, ".", 6).unwrap();
        assert_eq!(
            root.emit().unwrap(),
            b"\xa1\xcf\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01"
        );
    }

    #[test]
    fn a_name_has_no_escapes() {
        let query = Query::new(1, r"a\.b_c", 1).unwrap();
        assert_eq!(
            query.emit().unwrap()[12..],
            *b"\x02a\\\x03b_c\x00\x00\x01\x00\x01"
        );
    }

    #[test]
    fn names_that_are_none() {
        let label = "x".repeat(64);
        let Err(DatagramFailure::NotAName { reason, .. }) = Query::new(1, &label, 1) else {
            panic!("a label of 64 bytes")
        };
        assert_eq!(reason, "long label");
        assert!(Query::new(1, &"x".repeat(63), 1).is_ok());
        let name = vec!["x".repeat(63); 4].join(".");
        assert!(Query::new(1, &name, 1).is_err());
        assert!(Query::new(1, &name[..254], 1).is_err());
        assert!(Query::new(1, &name[..253], 1).is_ok());
    }

    #[test]
    fn the_answer() {
        let answer = |answers| Meaning::Answer { answers };
        assert_eq!(query().judge(&answered(0x8180, b"")), answer(0));
        let mut full = answered(
            0x8180,
            b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04",
        );
        full[7] = 1;
        assert_eq!(query().judge(&full), answer(1));
        // As keepalived: truncated, or with records that cannot be read.
        full[2] |= 2;
        assert_eq!(query().judge(&full[..40]), answer(1));
        // RFC 1035 2.3.3: no difference in case.
        let mut other_case = answered(0x8180, b"");
        other_case[13..16].copy_from_slice(b"WwW");
        assert_eq!(query().judge(&other_case), answer(0));
    }

    #[test]
    fn a_refusal() {
        let refusal = |seen, name: &str| {
            Meaning::Refusal(DatagramFailure::Rcode {
                seen,
                name: name.into(),
            })
        };
        assert_eq!(
            query().judge(&answered(0x8183, b"")),
            refusal(3, "NXDOMAIN")
        );
        assert_eq!(
            query().judge(&answered(0x8182, b"")),
            refusal(2, "SERVFAIL")
        );
        assert_eq!(query().judge(&answered(0x8185, b"")), refusal(5, "REFUSED"));
        // The header alone.
        let mut header = answered(0x8181, b"");
        header.truncate(12);
        header[5] = 0;
        assert_eq!(query().judge(&header), refusal(1, "FORMERR"));
    }

    #[test]
    fn strays() {
        let mut other_id = answered(0x8180, b"");
        other_id[0] ^= 1;
        let mut other_name = answered(0x8180, b"");
        other_name[13] = b'x';
        let mut other_type = answered(0x8180, b"");
        other_type[30] = 28;
        let mut no_question = answered(0x8180, b"");
        no_question.truncate(12);
        no_question[5] = 0;
        let cases = [
            (b"".to_vec(), Stray::Unreadable),
            (answered(0x8180, b"")[..11].to_vec(), Stray::Unreadable),
            (other_id, Stray::OtherId),
            (ASKED.to_vec(), Stray::Question),
            (answered(0x9180, b""), Stray::OtherQuestion),
            (other_name, Stray::OtherQuestion),
            (other_type, Stray::OtherQuestion),
            (no_question, Stray::OtherQuestion),
            (answered(0x8180, b"")[..20].to_vec(), Stray::OtherQuestion),
        ];
        for (datagram, stray) in cases {
            assert_eq!(
                query().judge(&datagram),
                Meaning::Stray(stray),
                "{datagram:x?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_has_another_id_is_no_answer(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(first) = bytes.first_mut() {
                *first ^= u8::from(*first == 0x64);
            }
            prop_assert!(matches!(query().judge(&bytes), Meaning::Stray(_)));
        }

        #[test]
        fn any_bytes_under_our_id(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = query().judge(&[b"\x64\x39".as_slice(), &bytes].concat());
        }
    }
}
