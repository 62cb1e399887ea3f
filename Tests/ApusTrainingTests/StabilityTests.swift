import ApusBase
import Testing

@testable import ApusTraining

/// Spikes, rollbacks and the guard of the optimizer's state.
@Suite struct StabilityTests {
    /// A loss that falls from 8 to 3 with noise of ±0.1, always the same for a batch.
    private func loss(batch: Int) -> Double {
        let noise = Double((batch &* 2_654_435_761) >> 8 & 0xFFFF) / 65535 - 0.5
        return 3 + 5 / (1 + Double(batch) / 50) + 0.2 * noise
    }

    // MARK: Detection

    @Test func aFallingNoisyLossIsNoSpike() {
        var detector = LossSpikeDetector()
        for batch in 1...2000 {
            let isSpike = detector.observe(loss(batch: batch))
            #expect(!isSpike, "batch \(batch)")
        }
    }

    @Test func aLossFarAboveTheLastOnesIsASpike() throws {
        var detector = LossSpikeDetector()
        #expect(detector.threshold == nil)
        for batch in 1...500 { _ = detector.observe(loss(batch: batch)) }
        let threshold = try #require(detector.threshold)
        #expect((loss(batch: 500) + 0.25...loss(batch: 500) + 0.8).contains(threshold))
        // A spike stays one however long it lasts: it does not become the usual.
        for _ in 0..<200 {
            let isSpike = detector.observe(threshold + 0.01)
            #expect(isSpike)
        }
        #expect(detector.threshold == threshold)
        for bad in [Double.nan, .infinity] {
            let isSpike = detector.observe(bad)
            #expect(isSpike)
        }
        let isSpike = detector.observe(loss(batch: 501))
        #expect(!isSpike)
    }

    @Test func aNumberThatIsNoneIsASpikeFromTheStart() {
        var detector = LossSpikeDetector()
        let isSpike = detector.observe(.nan)
        #expect(isSpike)
    }

    @Test func aLossThatHardlyVariesRaisesNoAlarm() {
        var detector = LossSpikeDetector(window: 8)
        for _ in 0..<8 { _ = detector.observe(1) }
        let isLargeOne = detector.observe(1.3), isSmallOne = detector.observe(1.2)
        #expect(isLargeOne)
        #expect(!isSmallOne)
    }

    // MARK: Rollback

    /// A run in which a few batches throw the parameters off if they come at the wrong time: the loss stays high from then on.
    /// - Returns: the loss at the end and the batches that were read.
    private func run(steps: Int, poison: ClosedRange<Int>, rollback: SpikeRollback?) throws -> (loss: Double, batches: [Int], state: SpikeRollback?) {
        var rollback = rollback, step = 0, isThrownOff = false
        var batches: [Int] = []
        var checkpoints: [(step: Int, isThrownOff: Bool, json: JSON?)] = [(0, false, rollback?.json)]
        var last = 0.0
        while step < steps {
            step += 1
            let batch = step + (rollback?.skippedBatches ?? 0)
            batches.append(batch)
            // The damage is done some steps before it shows.
            if poison.contains(batch - 5) { isThrownOff = true }
            last = loss(batch: batch) + (isThrownOff ? 2 : 0)
            if case .goBack(let limit) = try rollback?.observe(step: step, loss: last) ?? .goOn {
                let checkpoint = checkpoints.last { $0.step <= limit }!
                checkpoints.removeAll { $0.step > limit }
                (step, isThrownOff) = (checkpoint.step, checkpoint.isThrownOff)
                rollback!.wentBack(to: step)
                try rollback!.restoreLosses(checkpoint.json!, subject: "test")
            } else if step % 50 == 0 {
                checkpoints.append((step, isThrownOff, rollback?.json))
            }
        }
        return (last, batches, rollback)
    }

    @Test func theRunRecoversByRollbackAndOnlySo() throws {
        let with = try run(steps: 600, poison: 300...303, rollback: SpikeRollback())
        #expect(with.loss < 3.6)
        #expect(with.state?.rollbacks == 1)
        // From the checkpoint of step 250 to the spike at 305, and 20 batches more.
        #expect(with.state?.skippedBatches == 75)
        #expect(with.batches.suffix(350) == (326...675).map { $0 })
        let without = try run(steps: 600, poison: 300...303, rollback: nil)
        #expect(without.loss > 5)
    }

    @Test func aRunThatGoesBackAgainAndAgainStops() throws {
        do {
            _ = try run(steps: 1000, poison: 700...10_000, rollback: SpikeRollback())
            Issue.record("it went on")
        } catch let error as InputError {
            #expect(error.rule.contains("after 5 rollbacks in a row"))
            #expect(error.remedy?.contains("learning_rate") == true)
        }
    }

    @Test func rollbackGoesOnFromItsState() throws {
        var first = SpikeRollback()
        for step in 1...100 { _ = try first.observe(step: step, loss: loss(batch: step)) }
        _ = try first.observe(step: 101, loss: 50)
        first.wentBack(to: 50)
        var second = SpikeRollback()
        try second.restore(JSON(parsing: Array(first.json.serialized().utf8), subject: "state"), subject: "state")
        #expect(second == first)
        #expect(throws: InputError.self) { try second.restore(.object([:]), subject: "state") }
    }

    // MARK: Guard

    @Test func nothingThatIsNoNumberReachesTheOptimizer() throws {
        var updateGuard = UpdateGuard(limit: 3)
        func allows(_ loss: Double, _ norm: Double) throws -> Bool { try updateGuard.allows(step: 7, loss: loss, gradientNorm: norm, lossScale: nil) }
        #expect(try allows(1, 2))
        #expect(try !allows(.nan, 2))
        #expect(try !allows(1, .infinity))
        #expect(try allows(1, 2))
        #expect(try !allows(1, .nan))
        #expect(updateGuard.skipped == 3 && updateGuard.skippedInARow == 1)
        var copy = UpdateGuard(limit: 3)
        try copy.restore(updateGuard.json, subject: "state")
        #expect(copy == updateGuard)
        #expect(try !allows(1, .nan))
        #expect(throws: InputError.self) { try allows(1, .nan) }
    }

    /// Optimizers take squares in f32, whose greatest number is 3.4e38.
    @Test func gradientsWhoseSquaresOverflowAreSkipped() throws {
        var updateGuard = UpdateGuard(limit: 3)
        func allows(_ norm: Double, clipped: Double?) throws -> Bool {
            try updateGuard.allows(step: 7, loss: 1, gradientNorm: norm, clippedNorm: clipped, lossScale: nil)
        }
        #expect(try allows(1.8e19, clipped: nil))
        #expect(try !allows(1.9e19, clipped: nil))
        #expect(try !allows(1e30, clipped: 1e20))
        #expect(try allows(1e30, clipped: 1))
        #expect(try !allows(.infinity, clipped: 1))
        #expect(updateGuard.skipped == 3)
    }

    @Test func theGuardSaysWhyItStops() throws {
        func message(_ loss: Double, _ norm: Double, _ scale: Double?) -> String {
            var updateGuard = UpdateGuard(limit: 1)
            do throws(InputError) { return "\(try updateGuard.allows(step: 12, loss: loss, gradientNorm: norm, lossScale: scale))" } catch {
                return error.description
            }
        }
        #expect(message(.nan, 1, nil).hasPrefix("training, at step 12: the loss is nan, and 1 steps in a row were skipped; lower optimizer.learning_rate"))
        #expect(message(1, 1e25, nil).contains("step 12: gradients are too great for squares in f32 (norm 1e+25), and 1 steps in a row"))
        #expect(
            message(1, .infinity, 0.5).contains(
                "gradients are not finite (norm inf), and 1 steps in a row were skipped; the loss scale is down to 0.5; set precision.compute"))
    }

    @Test func theFirstValueThatIsNoNumberIsFound() {
        for count in [0, 1, 4095, 4096, 10_000] {
            var values = (0..<count).map { Float($0) * -1e30 }
            #expect(values.withUnsafeBufferPointer(firstNotFinite) == nil)
            for place in Set([0, count / 2, count - 1]) where place < count && place >= 0 {
                for bad in [Float.nan, .infinity, -.infinity] {
                    values[place] = bad
                    #expect(values.withUnsafeBufferPointer(firstNotFinite) == place)
                    values[place] = 1
                }
            }
        }
    }
}
