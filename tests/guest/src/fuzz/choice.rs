//! What a step chooses: the same for one seed and one number of a step, whatever the other steps did.

/// A source of choices (splitmix64).
pub struct Choice(u64);

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Choice {
    pub fn new(seed: u64, step: usize) -> Choice {
        Choice(mix(seed).wrapping_add(mix(!(step as u64))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 up to but not including this one.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of several things with weights.
    pub fn weighted<T: Copy>(&mut self, from: &[(usize, T)]) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, thing) in from {
            if left < *weight {
                return *thing;
            }
            left -= weight;
        }
        unreachable!("the weights have a sum");
    }

    /// One of several names. If it is there in another run, too, that chooses it as well, unless it
    /// has a name that this one lacks and likes better: so a step left out changes few others.
    pub fn name(&mut self, from: &[usize]) -> Option<usize> {
        let taste = self.next();
        from.iter()
            .copied()
            .min_by_key(|name| mix(taste ^ mix(*name as u64 + 1)))
    }
}
