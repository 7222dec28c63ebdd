//! What `--quick` leaves out: tests that take 3 seconds or more where two guests are emulated, or that patch
//! the kernel's code, which wants a guest of its own there. How long each took is in the logs of scripts/test.

/// Groups, and tests as `GROUP/TEST`.
pub const SLOW: &[&str] = &[
    "load",
    "takeover",
    "coexist",
    "signal_storm",
    "chain/pid_max_wraps_to_the_first_unreserved",
    "chain/pid_max_of_the_root_wraps",
    "chain/a_full_namespace_refuses",
    "create/many_come_and_go",
    "nesting/a_fork_storm_at_the_bottom",
    "matrix/as_mainline",
    "matrix/two_sided",
    "two_sided/every_signal_that_dumps_core",
    "two_sided/a_member_does_not_cut_the_core_of_a_fault",
    "two_sided/a_member_does_not_cut_the_core_of_a_signal",
    "two_sided/one_thread_may_take_it_from_inside",
    "two_sided/beside_a_timer_that_is_out_of_date",
    "two_sided/beside_a_timer_that_is_not",
    "two_sided/real_time_signals_one_by_one",
    "two_sided/an_own_fault_alone",
    "two_sided/never_a_sibling_at_the_end",
    "two_sided/never_a_sibling_while_signals_come",
    "two_sided/never_a_sibling_during_a_dump",
    "fall/many_members",
    "fall/inner_namespaces_take_no_longer",
    "forkfail/a_failed_init_leaves_no_namespace",
    "sysctl/a_full_namespace",
    "observe/hundreds_in_small_pieces",
    "observe/readers_in_a_storm",
    "observe/while_namespaces_come_and_go",
    "fall/zombies_without_end",
    "orphans/by_many",
    "races/anything",
    "races/a_grandchild_enters_while_its_namespace_dies",
    "races/its_threads_exit_together",
    "races/members_make_namespaces",
    "races/strangers_enter_and_fork",
    "races/its_processes_are_listed",
    "races/signals_from_inside",
    "races/a_signal_from_outside",
    "races/a_kill_while_a_thread_executes",
    "races/nobody_gets_a_number_twice",
    "stress/forks_on_every_processor",
    "stress/forks_in_many_namespaces",
    "stress/namespaces_that_are_killed_at_once",
    "stress/numbers_that_are_scarce",
];

/// Whether `name`, a group or `GROUP/TEST`, means this test.
pub fn names(name: &str, group: &str, test: &str) -> bool {
    name == group
        || name
            .strip_prefix(group)
            .is_some_and(|rest| rest.strip_prefix('/') == Some(test))
}

pub fn is_slow(group: &str, test: &str) -> bool {
    SLOW.iter().any(|slow| names(slow, group, test))
}
