//! Metrics as text: Prometheus' own format, and OpenMetrics for whoever asks for it. The two differ in how a counter's family is
//! named, and in how the text ends.

use std::fmt::{Display, Write};

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
    text: String,
    family: &'static str,
    suffix: &'static str,
}

impl Exposition {
    /// Nothing yet.
    #[must_use]
    pub fn new(form: Form) -> Exposition {
        Exposition {
            form,
            text: String::new(),
            family: "",
            suffix: "",
        }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, kind: Kind, name: &'static str, help: &str) {
        self.family = name;
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
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            self.text,
            "# HELP {name}{named} {help}\n# TYPE {name}{named} {kind}\n"
        );
    }

    /// A sample, with [`labels`] in it.
    pub fn sample(&mut self, labels: &str, value: impl Display) {
        self.part(self.suffix, labels, value);
    }

    /// A sample whose name goes on with that, as a histogram's do.
    pub fn part(&mut self, suffix: &str, labels: &str, value: impl Display) {
        let family = self.family;
        let _ = match labels {
            "" => writeln!(self.text, "{family}{suffix} {value}"),
            labels => writeln!(self.text, "{family}{suffix}{{{labels}}} {value}"),
        };
    }

    /// All of it.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.form == Form::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
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
        text.sample(&labels(&[("who", &"a \"b\" \\ c\nd")]), 5);
        text.family(Kind::Gauge, "b", "Now.");
        text.sample("", 1.5);
        text.finish()
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
