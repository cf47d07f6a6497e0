//! When to try again, and how long to wait before. Pure: the clock and the
//! dice are the caller's.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::StatusCode;

use super::Failure;

/// The longest wait before the first retry; it doubles with each.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait of our own choice.
const LONGEST: Duration = Duration::from_secs(10);

/// The longest wait that a server can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Whether a status may be another one soon.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            // A node that has not yet what an index says was written.
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Whether a failure to get an answer may not repeat itself.
///
/// Every request of ours may be sent twice: a write names the version that it
/// replaces, and a repeated deletion can at worst hide a version that someone
/// wrote in between, until it is undeleted.
pub(super) fn may_not_repeat(failure: &Failure) -> bool {
    matches!(failure, Failure::Unreachable | Failure::Timeout | Failure::Interrupted)
}

/// How long to wait before a retry, where `dice` is between 0 and 1 and the
/// first retry is number 0: exponential, with full jitter, so that many
/// clients of one struggling server spread out.
pub(crate) fn backoff(retry: u32, dice: f64) -> Duration {
    let ceiling = FIRST.saturating_mul(2_u32.saturating_pow(retry)).min(LONGEST);
    ceiling.mul_f64(dice.clamp(0.0, 1.0))
}

/// How long the server asks to wait (`Retry-After`, RFC 9110 section 10.2.3):
/// seconds, or a time to be held against the server's own `Date`.
pub(crate) fn asked(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let wait = match retry_after.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let then = rfc2822::parse(retry_after).ok()?;
            let now = rfc2822::parse(date?).ok()?;
            // In the past: at once.
            then.duration_since(&now).try_into().unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backoff_stays_below_its_ceiling(retry in any::<u32>(), dice in 0.0..1.0) {
            prop_assert!(backoff(retry, dice) <= LONGEST);
        }
    }

    #[test]
    fn backoff_doubles() {
        let ceilings: Vec<_> = (0..4).map(|retry| backoff(retry, 1.0).as_millis()).collect();
        assert_eq!(ceilings, [200, 400, 800, 1600]);
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn a_server_may_ask_in_seconds_or_by_date() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(asked("0", None), Some(Duration::ZERO));
        assert_eq!(asked(" 7 ", None), Some(Duration::from_secs(7)));
        assert_eq!(asked("86400", None), Some(LONGEST_ASKED));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:42 GMT", now), Some(Duration::from_secs(5)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:42 GMT", None), None);
        assert_eq!(asked("soon", now), None);
    }
}
