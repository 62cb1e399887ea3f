import ApusBase

/// Tells a spike of the loss from its usual noise (Chowdhery et al. 2022, section 5.1): a loss far above those of the last steps, or one that is
/// no number.
package struct LossSpikeDetector: Sendable, Equatable {
    /// Losses that a new one is held against, from when there are as many.
    package let window: Int
    /// How many standard deviations above their mean a spike is.
    package let deviations: Double
    /// What a spike is above their mean at least, in nats: losses of a run that hardly vary are no ground for alarm.
    package let smallestRise: Double
    private var recent: [Double] = []

    package init(window: Int = 64, deviations: Double = 6, smallestRise: Double = 0.25) {
        precondition(window >= 2)
        self.window = window
        self.deviations = deviations
        self.smallestRise = smallestRise
    }

    /// The loss above which the next one is a spike; nil before the window is full.
    package var threshold: Double? {
        guard recent.count == window else { return nil }
        let mean = recent.reduce(0, +) / Double(window)
        let variance = recent.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(window - 1)
        return mean + max(deviations * variance.squareRoot(), smallestRise)
    }

    /// Whether a step's loss is a spike. One that is does not become part of what later ones are held against.
    package mutating func observe(_ loss: Double) -> Bool {
        guard loss.isFinite, loss <= threshold ?? .infinity else { return true }
        if recent.count == window { recent.removeFirst() }
        recent.append(loss)
        return false
    }

    /// The losses that the next one is held against.
    var json: JSON { .array(recent.map(JSON.number)) }

    mutating func restore(_ json: JSON, subject: String) throws(InputError) {
        let losses = (json.array ?? []).compactMap(\.double)
        guard losses.count == json.array?.count, losses.count <= window else {
            throw InputError(subject, at: "recent_losses", "must be a list of at most \(window) numbers")
        }
        recent = losses
    }
}
