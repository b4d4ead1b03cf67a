//! Every short history: an odometer whose wheels are the choices a world asks for.
//!
//! Choice 0 is "nothing unusual". A history has at most so many faults, at its first so many choices; after
//! them nothing unusual happens. [`Odometer::turn`] goes on to the next history until all have been.

pub(crate) struct Odometer {
    /// Value and number of values of each choice of this history.
    wheels: Vec<(usize, usize)>,
    at: usize,
    choices_max: usize,
    faults_max: usize,
}

impl Odometer {
    pub(crate) fn new(choices_max: usize, faults_max: usize) -> Odometer {
        Odometer { wheels: Vec::new(), at: 0, choices_max, faults_max }
    }

    /// One of `count` ways to go on.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        if self.at == self.wheels.len() {
            let faults = self.wheels.iter().filter(|(value, _)| *value > 0).count();
            let is_free = faults < self.faults_max && self.at < self.choices_max;
            self.wheels.push((0, if is_free { count } else { 1 }));
        }
        self.at += 1;
        self.wheels[self.at - 1].0
    }

    /// Whether everything that can be chosen has been: from now on nothing unusual happens.
    pub(crate) fn is_quiet(&self) -> bool {
        let faults = self.wheels[..self.at].iter().filter(|(value, _)| *value > 0).count();
        faults >= self.faults_max || self.at >= self.choices_max
    }

    /// Begins the next history; `false` after the last.
    pub(crate) fn turn(&mut self) -> bool {
        self.at = 0;
        while let Some((value, count)) = self.wheels.pop() {
            if value + 1 < count {
                self.wheels.push((value + 1, count));
                return true;
            }
        }
        false
    }

    /// The choices of this history, to find it again.
    pub(crate) fn history(&self) -> Vec<usize> {
        self.wheels.iter().map(|(value, _)| *value).collect()
    }
}
