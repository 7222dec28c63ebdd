//! Numbers that look random.

/// They are the same in every run.
pub struct Random(u32);

impl Random {
    pub fn new(seed: usize) -> Random {
        Random(seed as u32 * 2_654_435 + 1)
    }

    /// A number from 0 up to but not including this one.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % limit
    }

    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
