import ApusBase

/// Goes back to a checkpoint before a spike of the loss and passes over the batches around it (Chowdhery et al. 2022, section 5.1: a spike comes
/// of a batch and a state of the parameters that meet; the same batches from an earlier checkpoint, skipped, and it does not come again).
package struct SpikeRollback: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case goOn
        /// Load the newest valid checkpoint up to this step, and tell `wentBack(to:)` which it was.
        case goBack(upTo: Int)
    }

    /// Steps that lie between the checkpoint and the spike at least: what led to it is older than itself.
    package let margin: Int
    /// Batches behind the spike that are passed over as well.
    package let extraBatches: Int
    /// Rollbacks within as many steps as the window has, after which the run gives up.
    package let limit: Int
    private var detector: LossSpikeDetector
    /// Batches passed over so far: step s reads batch s + skippedBatches.
    package private(set) var skippedBatches = 0
    /// Of the run so far.
    package private(set) var rollbacks = 0
    /// Rollbacks one after the other without a window of quiet steps between them.
    private var inARow = 0
    private var quietSteps = 0
    private var spike: Int?

    package init(detector: LossSpikeDetector = LossSpikeDetector(), margin: Int = 20, extraBatches: Int = 20, limit: Int = 5) {
        self.detector = detector
        self.margin = margin
        self.extraBatches = extraBatches
        self.limit = limit
    }

    /// What to do after a step, given its loss.
    /// - Throws: an `InputError` when one rollback after the other did not help.
    package mutating func observe(step: Int, loss: Double) throws(InputError) -> Decision {
        guard detector.observe(loss) else {
            quietSteps += 1
            if quietSteps >= detector.window { inARow = 0 }
            return .goOn
        }
        guard inARow < limit else {
            throw InputError(
                "training", at: "step \(step)", "the loss is \(loss) after \(limit) rollbacks in a row",
                remedy: "lower optimizer.learning_rate or raise schedule.warmup_steps, and look at the data; the checkpoints are kept")
        }
        spike = step
        return .goBack(upTo: max(0, step - margin))
    }

    /// The run has loaded the checkpoint of a step. The batches from there to the spike, and some behind it, will not come again.
    /// - Precondition: `observe` decided so.
    /// - Returns: how many batches more are passed over than before.
    @discardableResult
    package mutating func wentBack(to step: Int) -> Int {
        let skipped = spike! - step + extraBatches
        skippedBatches += skipped
        rollbacks += 1
        inARow += 1
        quietSteps = 0
        spike = nil
        return skipped
    }

    // MARK: State

    package var json: JSON {
        .object([
            "skipped_batches": .integer(skippedBatches), "rollbacks": .integer(rollbacks), "rollbacks_in_a_row": .integer(inARow),
            "quiet_steps": .integer(quietSteps), "recent_losses": detector.json,
        ])
    }

    /// Takes up what `json` gave, for a run that is continued. One that goes back after a spike keeps its own counts instead and takes up
    /// only the losses: `restoreLosses`.
    package mutating func restore(_ json: JSON, subject: String) throws(InputError) {
        func count(_ key: String) throws(InputError) -> Int {
            guard let value = json[key]?.int, value >= 0 else { throw InputError(subject, at: key, "must be a whole number from 0 on") }
            return value
        }
        (skippedBatches, rollbacks) = (try count("skipped_batches"), try count("rollbacks"))
        (inARow, quietSteps) = (try count("rollbacks_in_a_row"), try count("quiet_steps"))
        try restoreLosses(json, subject: subject)
    }

    package mutating func restoreLosses(_ json: JSON, subject: String) throws(InputError) {
        try detector.restore(json["recent_losses"] ?? .null, subject: subject)
    }
}
