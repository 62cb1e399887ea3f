import CApusKernels

/// What is left out at one place of a model in training (Srivastava et al. 2014): each element with the same chance, and the others grow so that
/// the mean stays. Which ones is a function of the values here and of the element's place in its sequence.
package struct Dropout: Sendable {
    /// The chance, at least 0 and below 1; it is rounded to a whole 65536th.
    package var rate: Float
    /// Where in the model.
    package var site: UInt32
    /// Of each sequence: its random numbers.
    package var keys: [UInt64]

    package init(rate: Float, site: UInt32, keys: [UInt64]) {
        self.rate = rate
        self.site = site
        self.keys = keys
    }

    /// The same of one of the sequences alone.
    package func ofSequence(_ index: Int) -> Dropout { Dropout(rate: rate, site: site, keys: [keys[index]]) }

    func descriptor(_ sequence: Int) -> apus_dropout {
        apus_dropout(threshold: min(UInt32((rate * 65536).rounded()), 65535), site: site, key: keys[sequence])
    }
}
