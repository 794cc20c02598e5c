//! Metrics as text: Prometheus' own format, and OpenMetrics for whoever asks for it. The two differ in how a counter's family is
//! named, and in how the text ends.

use std::fmt::{Display, Write};
use std::io::Write as _;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `text/plain; version=0.0.4`.
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl Form {
    /// What an `Accept` asks for: OpenMetrics wherever it is named, since only those who prefer it name it.
    #[must_use]
    pub fn accepted(accept: &str) -> Form {
        match accept.contains("application/openmetrics-text") {
            true => Form::OpenMetrics,
            false => Form::Prometheus,
        }
    }

    /// For `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only; its name is given without `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
}

/// The text, as it grows.
#[derive(Debug)]
pub struct Exposition {
    form: Form,
    text: Vec<u8>,
    family: String,
    suffix: &'static str,
}

impl Exposition {
    /// Nothing yet.
    #[must_use]
    pub fn new(form: Form) -> Exposition {
        Exposition {
            form,
            text: Vec::new(),
            family: String::new(),
            suffix: "",
        }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, kind: Kind, name: &str, help: &str) {
        name.clone_into(&mut self.family);
        self.suffix = match kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        let named = match self.form {
            Form::Prometheus => self.suffix,
            Form::OpenMetrics => "",
        };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a Vec cannot fail, here and below.
        let _ = write!(
            self.text,
            "# HELP {name}{named} {help}\n# TYPE {name}{named} {kind}\n"
        );
    }

    /// A sample, with lists of [`labels`] in it.
    pub fn sample(&mut self, labels: &[&str], value: impl Display) {
        self.part(self.suffix, labels, value);
    }

    /// A sample whose name goes on with that, as a histogram's do.
    pub fn part(&mut self, suffix: &str, labels: &[&str], value: impl Display) {
        // There are hundreds of thousands: formatting them would be half of the time.
        self.text.extend_from_slice(self.family.as_bytes());
        self.text.extend_from_slice(suffix.as_bytes());
        if let Some((first, rest)) = labels.split_first() {
            self.text.push(b'{');
            self.text.extend_from_slice(first.as_bytes());
            for list in rest {
                self.text.push(b',');
                self.text.extend_from_slice(list.as_bytes());
            }
            self.text.push(b'}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// No sample comes any more.
    pub fn finish(&mut self) {
        if self.form == Form::OpenMetrics {
            self.text.extend_from_slice(b"# EOF\n");
        }
    }

    /// So many bytes are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Hands out what is there, and goes on with what was given.
    pub fn swap(&mut self, text: &mut Vec<u8>) {
        std::mem::swap(&mut self.text, text);
    }
}

/// `name="value"`, with commas between.
#[must_use]
pub fn labels(pairs: &[(&str, &dyn Display)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{name}=\"");
        let _ = write!(Escaping(&mut text), "{value}");
        text.push('"');
    }
    text
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            match letter {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                letter => self.0.push(letter),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> String {
        let mut text = Exposition::new(form);
        text.family(Kind::Counter, "a_bytes", "Bytes.");
        text.sample(&[&labels(&[("who", &"a \"b\" \\ c\nd")])], 5);
        text.family(Kind::Gauge, "b", "Now.");
        text.sample(&[], 1.5);
        text.finish();
        let mut all = Vec::new();
        text.swap(&mut all);
        String::from_utf8(all).unwrap()
    }

    // Text formats of Prometheus (Exposition formats) and OpenMetrics 1.0, 3.2.
    #[test]
    fn counters_are_named_as_each_form_has_it() {
        assert_eq!(
            written(Form::Prometheus),
            "# HELP a_bytes_total Bytes.\n# TYPE a_bytes_total counter\n\
             a_bytes_total{who=\"a \\\"b\\\" \\\\ c\\nd\"} 5\n# HELP b Now.\n# TYPE b gauge\nb 1.5\n"
        );
        assert_eq!(
            written(Form::OpenMetrics),
            "# HELP a_bytes Bytes.\n# TYPE a_bytes counter\n\
             a_bytes_total{who=\"a \\\"b\\\" \\\\ c\\nd\"} 5\n# HELP b Now.\n# TYPE b gauge\nb 1.5\n# EOF\n"
        );
    }

    // The header that Prometheus 2.42 sends.
    #[test]
    fn prometheus_itself_gets_openmetrics() {
        let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Form::accepted(accept), Form::OpenMetrics);
        assert_eq!(Form::accepted("*/*"), Form::Prometheus);
    }
}
