// SPDX-License-Identifier: GPL-2.0

//! What becomes of the flags of `memfd_create(2)`: every combination, against a table.

use crate::noexec::{flags_in, Refused, EXEC, HUGETLB, HUGE_SIZE, NOEXEC_SEAL};

/// What happens to a caller's flags.
#[derive(Clone, Copy)]
enum Fate {
    Stay,
    Sealed,
    Refused,
}

/// What the caller says; its fate for each setting.
const TABLE: [(u32, [Fate; 3]); 4] = {
    use Fate::{Refused, Sealed, Stay};
    [
        (0, [Stay, Sealed, Sealed]),
        (EXEC, [Stay, Stay, Refused]),
        (NOEXEC_SEAL, [Stay, Stay, Stay]),
        (EXEC | NOEXEC_SEAL, [Stay, Stay, Stay]), // invalid
    ]
};

/// Every combination of the low bits, known or not, with no, some and all bits of a page size.
fn all_flags() -> impl Iterator<Item = u32> {
    let sizes = [0, 1 << 26, 21 << 26, 1 << 31, HUGE_SIZE];
    (0..1 << 8).flat_map(move |low| sizes.map(|size| low | size))
}

#[test]
fn every_combination_is_as_in_the_table() {
    for flags in all_flags() {
        let unknown = flags & 0xe0 != 0;
        let lost_size = flags & HUGE_SIZE != 0 && flags & HUGETLB == 0;
        let said = flags & (EXEC | NOEXEC_SEAL);
        let (_, fates) = TABLE.iter().find(|row| row.0 == said).expect("a row");
        for (scope, fate) in (0..).zip(fates) {
            let expected = match fate {
                _ if unknown || lost_size => Ok(flags),
                Fate::Stay => Ok(flags),
                Fate::Sealed => Ok(flags | NOEXEC_SEAL),
                Fate::Refused => Err(Refused),
            };
            assert_eq!(flags_in(scope, flags), expected, "{flags:#x} for {scope}");
        }
    }
}

#[test]
fn every_unknown_bit_is_left_to_the_kernel() {
    for bit in 5..26 {
        for scope in 0..=2 {
            for flags in [1 << bit, 1 << bit | EXEC, 1 << bit | HUGETLB] {
                assert_eq!(flags_in(scope, flags), Ok(flags));
            }
        }
    }
}
