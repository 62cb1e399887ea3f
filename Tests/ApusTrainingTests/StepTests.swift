import ApusBase
import ApusLayers
import Testing

@testable import ApusTraining

/// Learning rates, clipping and scaling of losses.
@Suite struct StepTests {
    private func schedule(_ name: String) -> LearningRateSchedule {
        let shapes: [String: LearningRateSchedule.Shape] = [
            "constant": .constant, "cosine": .cosine, "linear": .linear, "wsd": .warmupStableDecay(decaySteps: 13),
            "inverseSquareRoot": .inverseSquareRoot,
        ]
        return LearningRateSchedule(
            shapes[name]!, peak: 2, minimum: ["cosine", "wsd"].contains(name) ? 0.2 : 0, warmupSteps: 7, totalSteps: 50)
    }

    /// transformers' schedules (Tests/Goldens/make_optimizers.py).
    @Test(arguments: ["constant", "cosine", "linear", "wsd", "inverseSquareRoot"]) func followsTheReference(name: String) throws {
        let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/optimizers/"
        let rates = try #require(try JSON(contentsOf: folder + "schedules.json")[name]?.array).map { $0.double! }, schedule = schedule(name)
        // There wsd warms up from the minimum, and the cosine rises again behind its end.
        for step in (name == "wsd" ? 7 : 1)...(name == "cosine" ? 50 : rates.count) {
            #expect(abs(schedule.rate(at: step) - rates[step - 1]) < 1e-12, "\(name), step \(step)")
        }
    }

    @Test(arguments: ["constant", "cosine", "linear", "wsd", "inverseSquareRoot"]) func warmsUpInStraightLine(name: String) {
        let schedule = schedule(name)
        for step in 1...7 { #expect(schedule.rate(at: step) == 2 * Double(step) / 7) }
    }

    @Test func ratesAtTheEnds() {
        var cosine = schedule("cosine")
        #expect(cosine.rate(at: 50) == 0.2 && cosine.rate(at: 1000) == 0.2)
        cosine.warmupSteps = 0
        #expect(abs(cosine.rate(at: 25) - 1.1) < 1e-12)
        // No step behind the warm-up: nothing is divided by zero.
        let short = LearningRateSchedule(.linear, peak: 1, warmupSteps: 5, totalSteps: 5)
        #expect(short.rate(at: 5) == 1 && short.rate(at: 6) == 0)
        let all = LearningRateSchedule(.warmupStableDecay(decaySteps: 9), peak: 1, warmupSteps: 5, totalSteps: 10)
        #expect(all.rate(at: 5) == 1 && abs(all.rate(at: 6) - 0.8) < 1e-12 && all.rate(at: 10) == 0)
        #expect(LearningRateSchedule(.inverseSquareRoot, peak: 1, totalSteps: 10).rate(at: 4) == 0.5)
    }

    @Test func configurationsBecomeRules() {
        var section = TrainingConfiguration.Optimizer()
        (section.betas, section.weightDecay, section.momentum, section.epsilon) = ([0.8, 0.9], 0.3, 0.7, 1e-6)
        var adamW = AdamW()
        (adamW.beta1, adamW.beta2, adamW.epsilon, adamW.weightDecay) = (0.8, 0.9, 1e-6, 0.3)
        #expect(section.rule as? AdamW == adamW)
        section.kind = .muon
        let muon = section.rule as? Muon
        #expect(muon?.momentum == 0.7 && muon?.weightDecay == 0.3 && muon?.other == adamW)
        section.kind = .lion
        let lion = section.rule as? Lion
        #expect(lion?.beta1 == 0.8 && lion?.beta2 == 0.9 && lion?.weightDecay == 0.3)
        section.kind = .sgd
        let sgd = section.rule as? SGD
        #expect(sgd?.momentum == 0.7 && sgd?.weightDecay == 0.3)
        section.kind = .adafactor
        #expect((section.rule as? Adafactor)?.weightDecay == 0.3)
        var schedule = TrainingConfiguration.Schedule()
        (schedule.kind, schedule.totalSteps) = (.wsd, 300)
        #expect(schedule.rates(peak: 1).shape == .warmupStableDecay(decaySteps: 30))
    }

    @Test func normsAreClipped() {
        let free = GradientClip(sumOfSquares: 9, maximum: 4)
        #expect(free.norm == 3 && free.clippedNorm == 3 && free.factor == 1)
        let clipped = GradientClip(sumOfSquares: 64 * 64 * 4, lossScale: 64, maximum: 0.5)
        #expect(clipped.norm == 2 && clipped.clippedNorm == 0.5 && clipped.factor == 0.25 / 64)
        #expect(GradientClip(sumOfSquares: 1e6, lossScale: 2, maximum: 0).factor == 0.5)
        #expect(GradientClip(sumOfSquares: .nan, maximum: 1).norm.isNaN)
    }

    @Test func lossScaleFollowsOverflow() throws {
        var scaler = LossScaler()
        scaler.finish(isFinite: false)
        #expect(scaler.scale == 0x1p15)
        for _ in 2...2000 { scaler.finish(isFinite: true) }
        #expect(scaler.scale == 0x1p15)
        // Goes on from what a checkpoint keeps.
        var other = LossScaler()
        try other.restore(scaler.json, subject: "state.json")
        #expect(other == scaler)
        other.finish(isFinite: true)
        #expect(other.scale == 0x1p16 && other.goodSteps == 0)
        other.finish(isFinite: false)
        #expect(other.scale == 0x1p15)
        var fixed = LossScaler(fixed: 8)
        for step in 1...4001 { fixed.finish(isFinite: step < 4001) }
        try fixed.restore(other.json, subject: "state.json")
        #expect(fixed.scale == 8)
    }

    @Test func divergenceEndsTraining() throws {
        var scaler = LossScaler(), guarding = UpdateGuard.withLossScale
        for step in 1...50 {
            #expect(try !guarding.allows(step: step, loss: 1, gradientNorm: .nan, lossScale: scaler.scale))
            scaler.finish(isFinite: false)
        }
        #expect(scaler.scale == 1 && guarding.skipped == 50)
        var other = guarding
        #expect(throws: InputError.self) { try guarding.allows(step: 51, loss: 1, gradientNorm: .nan, lossScale: 1) }
        // A good step between them starts the count again.
        #expect(try other.allows(step: 51, loss: 1, gradientNorm: 1, lossScale: 1))
        #expect(try !other.allows(step: 52, loss: 1, gradientNorm: .nan, lossScale: 1))
    }
}
