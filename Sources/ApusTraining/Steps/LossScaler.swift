import ApusBase

/// The factor of the loss in training with f16, whose gradients would vanish without it and overflow with too great a one (Micikevicius et al.
/// 2018). A step whose gradients are not finite halves the factor; 2000 good steps in a row double it. Which steps are skipped, and how many
/// may be, is the `UpdateGuard`'s matter.
package struct LossScaler: Sendable, Equatable {
    /// What the loss is multiplied by.
    package private(set) var scale: Double
    package private(set) var goodSteps = 0
    /// Whether the factor stays as it is.
    package let isFixed: Bool

    static let growthInterval = 2000
    static let greatest = 0x1p24

    /// One that begins with 2^16.
    package init() { (scale, isFixed) = (0x1p16, false) }

    /// One whose factor never changes.
    package init(fixed scale: Double) { (self.scale, isFixed) = (scale, true) }

    /// Takes note of whether a step's gradients were finite.
    package mutating func finish(isFinite: Bool) {
        guard isFinite else {
            goodSteps = 0
            if !isFixed { scale = max(scale / 2, 1) }
            return
        }
        goodSteps += 1
        guard goodSteps == Self.growthInterval else { return }
        goodSteps = 0
        if !isFixed { scale = min(scale * 2, Self.greatest) }
    }

    // MARK: State

    package var json: JSON { .object(["scale": .number(scale), "good_steps": .integer(goodSteps)]) }

    /// Takes up what `json` gave; a fixed factor stays.
    package mutating func restore(_ json: JSON, subject: String) throws(InputError) {
        guard let scale = json["scale"]?.double, scale > 0 else { throw InputError(subject, at: "scale", "must be a number above 0") }
        guard let goodSteps = json["good_steps"]?.int, 0..<Self.growthInterval ~= goodSteps else {
            throw InputError(subject, at: "good_steps", "must be a whole number from 0 to \(Self.growthInterval - 1)")
        }
        self.goodSteps = goodSteps
        if !isFixed { self.scale = scale }
    }
}
