// SPDX-License-Identifier: GPL-2.0

//! Both modes: the functions that tell who has typed a signal. A kernel without one of them has the rest.

use crate::{hook::hooks, signal::terminal};

hooks! {
    pty_open => terminal::pty_open, wrapped;
    pty_write => terminal::pty_write, wrapped;
    n_tty_receive_signal_char => terminal::n_tty_receive_signal_char, wrapped when terminal::observe;
    kill_pgrp => terminal::kill_pgrp, wrapped;
}
