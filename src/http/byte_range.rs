//! Which bytes of a stored file a request asks for: conditions and single ranges, as RFC 9110 has them.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ByteRangeSpec, EntityTag, Header, IF_RANGE, IfNoneMatch, IfRange, RANGE, Range,
};

/// What is to be sent of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing: the client has it.
    Unchanged,
    Whole,
    /// From the first byte to the last, which is included.
    Range {
        first: u64,
        last: u64,
    },
    /// It does not have what is asked for.
    Unsatisfiable,
}

/// Whether the client has the file that this is the tag of.
pub(super) fn is_unchanged(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|other| other.weak_eq(tag)),
        Err(_) => false,
    }
}

/// What a request asks for of a file of so many bytes. Several ranges, other units and what is not a range are answered
/// with the whole file.
pub(super) fn part_of(request: &HttpRequest, tag: &EntityTag, bytes: u64) -> Part {
    if is_unchanged(request, tag) {
        return Part::Unchanged;
    }
    let header = request.headers().get(RANGE).and_then(|value| value.to_str().ok());
    let Some(header) = header.filter(|_| request.method() == Method::GET && is_same(request, tag)) else {
        return Part::Whole;
    };
    let Ok(Range::Bytes(ranges)) = header.parse() else { return Part::Whole };
    let ([range], false) = (&ranges[..], header.contains(',')) else { return Part::Whole };
    if matches!(range, ByteRangeSpec::FromTo(first, last) if last < first) {
        return Part::Whole;
    }
    match range.to_satisfiable_range(bytes) {
        Some((first, last)) => Part::Range { first, last },
        None => Part::Unsatisfiable,
    }
}

/// A range of another file than the client has the rest of would be of no use to it.
fn is_same(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key(IF_RANGE) {
        return true;
    }
    matches!(IfRange::parse(request), Ok(IfRange::EntityTag(other)) if other.strong_eq(tag))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Part {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        part_of(&request.to_http_request(), &EntityTag::new_strong("abc".into()), 100)
    }

    #[test]
    fn a_single_range_is_cut_to_the_file() {
        let range = |first, last| Part::Range { first, last };
        let table = [
            ("bytes=0-9", range(0, 9)),
            ("bytes=90-", range(90, 99)),
            ("bytes=-5", range(95, 99)),
            ("bytes=-500", range(0, 99)),
            ("bytes=99-1000", range(99, 99)),
            ("bytes=100-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=9-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("lines=0-9", Part::Whole),
            ("", Part::Whole),
        ];
        for (header, part) in table {
            assert_eq!(asked(&[("range", header)]), part, "{header}");
        }
        assert_eq!(asked(&[]), Part::Whole);
    }

    #[test]
    fn conditions_come_before_the_range() {
        let range = ("range", "bytes=0-9");
        assert_eq!(asked(&[range, ("if-none-match", "\"abc\"")]), Part::Unchanged);
        assert_eq!(asked(&[range, ("if-none-match", "\"x\", W/\"abc\"")]), Part::Unchanged);
        assert_eq!(asked(&[range, ("if-none-match", "\"x\"")]), Part::Range { first: 0, last: 9 });
        assert_eq!(asked(&[range, ("if-range", "\"abc\"")]), Part::Range { first: 0, last: 9 });
        for other in ["\"x\"", "W/\"abc\"", "Mon, 23 Nov 2026 13:55:00 GMT"] {
            assert_eq!(asked(&[range, ("if-range", other)]), Part::Whole, "{other}");
        }
    }

    #[test]
    fn a_range_is_of_get_only() {
        let head = TestRequest::default().method(Method::HEAD).insert_header((RANGE, "bytes=0-9"));
        let part = part_of(&head.to_http_request(), &EntityTag::new_strong("abc".into()), 100);
        assert_eq!(part, Part::Whole);
    }
}
