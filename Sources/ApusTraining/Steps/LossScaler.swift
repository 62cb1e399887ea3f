import ApusBase

/// The factor of the loss in training with f16, whose gradients would vanish without it and overflow with too great a one (Micikevicius et al.
/// 2018). A step whose gradients are not finite is skipped and halves the factor; 2000 good steps in a row double it.
package struct LossScaler: Sendable, Equatable {
    /// What the loss is multiplied by.
    package private(set) var scale: Double
    package private(set) var goodSteps: Int
    /// Skipped since training began, and in a row.
    package private(set) var skippedSteps: Int
    package private(set) var skippedInARow: Int
    /// Whether the factor stays as it is.
    package let isFixed: Bool

    static let growthInterval = 2000
    static let greatest = 0x1p24
    /// More skipped steps in a row end training.
    static let mostInARow = 50

    /// One that begins with 2^16.
    package init() { self.init(scale: 0x1p16, isFixed: false) }

    /// One whose factor never changes.
    package init(fixed scale: Double) { self.init(scale: scale, isFixed: true) }

    /// One that goes on from a checkpoint.
    package init(scale: Double, goodSteps: Int = 0, skippedSteps: Int = 0, skippedInARow: Int = 0, isFixed: Bool) {
        self.scale = scale
        self.goodSteps = goodSteps
        self.skippedSteps = skippedSteps
        self.skippedInARow = skippedInARow
        self.isFixed = isFixed
    }

    /// What a checkpoint keeps.
    package var json: JSON {
        .object([
            "scale": .number(scale), "good_steps": .integer(goodSteps), "skipped_steps": .integer(skippedSteps),
            "skipped_in_a_row": .integer(skippedInARow),
        ])
    }

    /// Takes up what `json` gave; a fixed factor stays.
    package mutating func restore(_ json: JSON, subject: String) throws(InputError) {
        func count(_ key: String) throws(InputError) -> Int {
            guard let value = json[key]?.int, value >= 0 else { throw InputError(subject, at: key, "must be a whole number from 0 on") }
            return value
        }
        guard let scale = json["scale"]?.double, scale > 0 else { throw InputError(subject, at: "scale", "must be a number above 0") }
        self = LossScaler(
            scale: isFixed ? self.scale : scale, goodSteps: try count("good_steps"), skippedSteps: try count("skipped_steps"),
            skippedInARow: try count("skipped_in_a_row"), isFixed: isFixed)
    }

    /// Takes note of a step by the norm of its gradients. Returns whether its update is made.
    ///
    /// - Throws: an `InputError` when too many steps in a row were skipped.
    package mutating func finish(step: Int, gradientNorm: Double) throws(InputError) -> Bool {
        if gradientNorm.isFinite {
            skippedInARow = 0
            goodSteps += 1
            if goodSteps == Self.growthInterval {
                goodSteps = 0
                if !isFixed { scale = min(scale * 2, Self.greatest) }
            }
            return true
        }
        goodSteps = 0
        skippedSteps += 1
        skippedInARow += 1
        guard skippedInARow <= Self.mostInARow else {
            throw InputError(
                "training", at: "step \(step)",
                "the gradients of \(skippedInARow) steps in a row are not finite, the last with the loss scaled by \(scale)",
                remedy: "training has diverged: go back to an earlier checkpoint with a lower learning_rate or gradient_clip, or compute in bf16")
        }
        if !isFixed { scale = max(scale / 2, 1) }
        return false
    }
}
