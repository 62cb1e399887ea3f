import ApusBase

/// Keeps what is no number away from the parameters and the optimizer's state: a step whose loss or gradients are not finite, or
/// whose gradients have squares beyond f32, is skipped.
///
/// With a loss scale such steps belong to the search for it (Micikevicius et al. 2018, section 3.2), and one that only starts too high ends
/// after a few; without one they are a fault of the data or of the weights.
package struct UpdateGuard: Sendable, Equatable {
    /// Skipped steps in a row after which the run stops.
    package let limit: Int
    /// Of the run so far.
    package private(set) var skipped = 0
    package private(set) var skippedInARow = 0

    package init(limit: Int = 20) { self.limit = limit }

    /// With a dynamic loss scale, whose search for a factor takes 24 skipped steps at most.
    package static var withLossScale: UpdateGuard { UpdateGuard(limit: 51) }

    /// Whether the optimizer may take the step.
    ///
    /// - Parameters:
    ///   - gradientNorm: of all gradients together, before clipping: one that is not finite makes it so.
    ///   - clippedNorm: of the gradients that the optimizer is given, the squares of which it takes in f32; nil: they are not clipped.
    ///   - lossScale: nil where there is none.
    /// - Throws: an `InputError` when too many steps in a row were skipped.
    package mutating func allows(
        step: Int, loss: Double, gradientNorm: Double, clippedNorm: Double? = nil, lossScale: Double?
    ) throws(InputError) -> Bool {
        let norm = clippedNorm ?? gradientNorm
        if loss.isFinite, gradientNorm.isFinite, Float(norm * norm).isFinite {
            skippedInARow = 0
            return true
        }
        skipped += 1
        skippedInARow += 1
        guard skippedInARow < limit else {
            let fault = gradientNorm.isFinite ? "too great for squares in f32" : "not finite"
            let what = loss.isFinite ? "gradients are \(fault) (norm \(gradientNorm))" : "the loss is \(loss)"
            throw InputError(
                "training", at: "step \(step)",
                "\(what), and \(limit) steps in a row were skipped" + (lossScale.map { "; the loss scale is down to \($0)" } ?? ""),
                remedy: lossScale == nil
                    ? "lower optimizer.learning_rate, set optimizer.gradient_clip, or continue from an earlier checkpoint"
                    : "set precision.compute to bf16 or f32, which need no loss scale, or lower optimizer.learning_rate")
        }
        return false
    }

    // MARK: State

    package var json: JSON { .object(["skipped": .integer(skipped), "skipped_in_a_row": .integer(skippedInARow)]) }

    package mutating func restore(_ json: JSON, subject: String) throws(InputError) {
        guard let skipped = json["skipped"]?.int, let inARow = json["skipped_in_a_row"]?.int, 0...skipped ~= inARow else {
            throw InputError(subject, at: "skipped", "must be whole numbers from 0 on")
        }
        (self.skipped, skippedInARow) = (skipped, inARow)
    }
}

/// The place of the first value that is not finite; nil where all are. For weights before a run, whose NaN would be laid to the training.
package func firstNotFinite(_ values: UnsafeBufferPointer<Float>) -> Int? {
    let block = 4096
    for start in stride(from: 0, to: values.count, by: block) {
        // Without its sign, the bits of what is not finite are the largest there are: a maximum of integers has no branch in it.
        let end = min(start + block, values.count)
        var largest: UInt32 = 0
        for index in start..<end { largest = max(largest, values[index].bitPattern & 0x7FFF_FFFF) }
        if largest >= 0x7F80_0000 { return (start..<end).first { !values[$0].isFinite } }
    }
    return nil
}
