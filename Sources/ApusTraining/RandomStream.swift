import ApusInference

/// Random numbers of one place in training: a function of (seed, step, sequence, site) and of how many were drawn there before, so that
/// neither layout, threads nor a resume change them.
///
/// Blocks of `Philox`, one after the other.
package struct RandomStream: RandomNumberGenerator, Sendable {
    /// What numbers are drawn for. Sites never share numbers.
    package struct Site: Sendable, Equatable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The order of an epoch's windows or documents.
        package static let shuffle = Site(rawValue: 1)
        /// Which source the next sequence comes from.
        package static let source = Site(rawValue: 2)
        /// Which objective a sequence has.
        package static let objective = Site(rawValue: 3)
        /// What an objective does to a sequence.
        package static let corruption = Site(rawValue: 4)
        /// First values of a new model's weights.
        package static let initialization = Site(rawValue: 5)
        /// Keys of a sequence's documents, from which the masks of their dropout follow.
        package static let dropout = Site(rawValue: 6)
    }

    private let key: SIMD2<UInt32>
    private var counter: SIMD4<UInt32>
    private var spare: UInt64?

    /// - Parameters:
    ///   - step: the optimizer's step, or an epoch where an order is made.
    ///   - sequence: the sequence's index in the global batch, or of an epoch.
    package init(seed: UInt64, step: Int, sequence: Int, site: Site) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        counter = SIMD4(0, site.rawValue, UInt32(truncatingIfNeeded: sequence), UInt32(truncatingIfNeeded: step))
    }

    package mutating func next() -> UInt64 {
        if let spare {
            self.spare = nil
            return spare
        }
        let words = Philox.words(key: key, counter: counter)
        counter[0] &+= 1
        spare = UInt64(words[3]) << 32 | UInt64(words[2])
        return UInt64(words[1]) << 32 | UInt64(words[0])
    }

    /// A whole number from 0 up to but not `bound`, which is at least 1.
    package mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// A number from 0 up to but not 1.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Puts the elements in a random order (Fisher and Yates). The standard library's `shuffle` may change with its version.
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(last, below(last + 1)) }
    }
}
