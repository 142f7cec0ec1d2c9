//! Through which API a job came, and the trace that it belongs to.

use std::fmt;
use std::str::FromStr;

/// The interfaces that take recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// `POST /jobs`.
    #[default]
    Jobs,
    /// The routes of the OpenAI API.
    OpenAi,
    /// The routes of whisper-asr-webservice.
    Asr,
    /// The route of whisper.cpp's server.
    Inference,
    /// The Wyoming protocol.
    Wyoming,
}

impl Api {
    pub const ALL: [Self; 5] = [Self::Jobs, Self::OpenAi, Self::Asr, Self::Inference, Self::Wyoming];

    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::OpenAi => "openai",
            Self::Asr => "asr",
            Self::Inference => "inference",
            Self::Wyoming => "wyoming",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }
}

/// Where a job came from. Not part of a request's identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub api: Api,
    /// Of the request, where it named one.
    pub traceparent: Option<TraceParent>,
}

/// The header `traceparent` of W3C Trace Context, version 00: a trace and the span in it that the job belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

/// The length of version 00.
const LENGTH: usize = 55;

impl TraceParent {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TraceParent {
    type Err = ();

    /// Later versions begin like version 00, may be longer, and become version 00.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (known, more) = text.split_at_checked(LENGTH).ok_or(())?;
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return Err(()) };
        let is_hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
        let is_version = match version {
            "00" => more.is_empty(),
            "ff" => false,
            _ => is_hex(version, 2) && (more.is_empty() || more.starts_with('-')),
        };
        match is_version && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2) {
            true => Ok(Self(format!("00-{trace}-{span}-{flags}"))),
            false => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_as_the_standard_says() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = |text: &str| text.parse::<TraceParent>().map(|parent| parent.to_string());
        assert_eq!(read(good).as_deref(), Ok(good));
        assert_eq!(read(&format!("cc{}-more", &good[2..])).as_deref(), Ok(good), "a later version");
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            &good.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            &"ä".repeat(40),
        ] {
            assert_eq!(read(bad), Err(()), "{bad}");
        }
    }

    #[test]
    fn names_of_apis_are_read_back() {
        for api in Api::ALL {
            assert_eq!(Api::from_name(api.name()), Some(api));
        }
        assert_eq!(Api::from_name("http"), None);
    }
}
