//! How a failure in any process of a test reaches the harness.
//!
//! Every process of a test holds the write end of one pipe. A panic writes its place and its
//! words there and ends the process, whether that process is the test itself or the init of a
//! namespace many levels down.

use std::os::fd::RawFd;

/// The descriptor that every process of a test writes to; `execve` keeps it.
pub const FD: RawFd = 100;

/// The exit status of a process that has reported a failure.
const FAILED: i32 = 101;

/// One message from a process of a test.
pub enum Message {
    Failure(String),
    Skip(String),
    Note(String),
}

/// Compares what was seen with what mainline gives, and fails the test with both if they differ.
#[macro_export]
macro_rules! check {
    ($seen:expr, $want:expr $(,)?) => {
        match (&$seen, &$want) {
            (seen, want) => {
                if *seen != *want {
                    panic!("{}: expected {:?}, saw {:?}", stringify!($seen), want, seen);
                }
            }
        }
    };
    ($seen:expr, $want:expr, $($words:tt)+) => {
        match (&$seen, &$want) {
            (seen, want) => {
                if *seen != *want {
                    panic!("{}: expected {:?}, saw {:?}", format_args!($($words)+), want, seen);
                }
            }
        }
    };
}

/// Makes every panic of this process and its children a message to the harness.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| {
            format!("tests/guest/{}:{}: ", l.file(), l.line())
        });
        let payload = info.payload();
        let words = (payload.downcast_ref::<&str>().copied())
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panic");
        send(
            'F',
            &format!("{place}{words} (in process {})", std::process::id()),
        );
        crate::process::quit(FAILED);
    }));
}

/// Ends the test as skipped, for the given reason.
pub fn skip(reason: &str) -> ! {
    send('S', reason);
    crate::process::quit(0)
}

/// Makes the test fail, and goes on.
pub fn complain(text: &str) {
    send('F', text);
}

/// Says something about a test, however it ends.
pub fn note(text: &str) {
    send('N', text);
}

/// Takes the messages out of what was read from the pipe.
pub fn parse(bytes: &[u8]) -> Vec<Message> {
    let messages = bytes.split(|b| *b == 0).filter(|m| !m.is_empty());
    messages
        .map(|m| {
            let text = String::from_utf8_lossy(&m[1..]).into_owned();
            match m[0] {
                b'S' => Message::Skip(text),
                b'N' => Message::Note(text),
                _ => Message::Failure(text),
            }
        })
        .collect()
}

/// Writes one message in one piece, so that messages of several processes do not mix.
fn send(kind: char, text: &str) {
    let mut message = format!("{kind}{}", text.replace('\0', " "));
    message.truncate(libc::PIPE_BUF - 1);
    message.push('\0');
    // SAFETY: the buffer is valid for its length; a closed descriptor only gives an error.
    unsafe { libc::write(FD, message.as_ptr().cast(), message.len()) };
}
