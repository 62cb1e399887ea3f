import ApusBase
import ApusDescription
import ApusModels

extension TrainingConfiguration {
    /// - Throws: an `InputError` for values that stand against each other and for what cannot be done yet, at the place of the first of them.
    func check(_ node: ConfigurationNode) throws(InputError) {
        for check in [checkModel, checkData, checkObjective, checkSchedule, checkRollback, checkWhatIsBuilt] {
            guard let problem = check(node) else { continue }
            throw node.place(of: problem.path).error("\(problem.path): \(problem.rule)", remedy: problem.remedy)
        }
    }

    private struct Problem {
        let path: String
        let rule: String
        var remedy: String?

        init(_ path: String, _ rule: String, _ remedy: String? = nil) { (self.path, self.rule, self.remedy) = (path, rule, remedy) }
    }

    private func checkModel(_ node: ConfigurationNode) -> Problem? {
        var described: [String] = []
        if case .mapping(let sections) = node.content, case .mapping(let members)? = sections.first(where: { $0.key == "model" })?.value.content {
            described = members.map(\.key).filter { !["from", "random", "preset"].contains($0) }
        }
        let given = [model.from == nil ? nil : "from", model.preset == nil ? nil : "preset", described.first].compactMap { $0 }
        guard given.count == 1 else {
            let rule = given.isEmpty ? "no model is given" : "\(given.joined(separator: " and ")) stand against each other"
            return Problem("model" + (given.last.map { "." + $0 } ?? ""), rule, "give one of from, preset, or a description of its own")
        }
        if model.random, model.from == nil { return Problem("model.random", "new weights are drawn anyway without `from`", "leave it out") }
        if let preset = model.preset, !Preset.all.contains(where: { $0.name == preset }) {
            let nearest = preset.nearest(among: Preset.all.map(\.name))
            return Problem("model.preset", "there is no preset \(preset)", nearest.map { "did you mean \($0)?" })
        }
        if described.contains("architecture"), !Families.modelTypes.contains(model.description.architecture) {
            let name = model.description.architecture, nearest = name.nearest(among: Families.modelTypes)
            return Problem("model.architecture", "there is no family \(name)", nearest.map { "did you mean \($0)?" })
        }
        if !described.isEmpty, let (key, rule) = model.description.contradiction { return Problem("model." + key, rule) }
        return nil
    }

    private func checkData(_ node: ConfigurationNode) -> Problem? {
        if data.train.isEmpty { return Problem("data.train", "names no files", "give files of text or the prefix of .bin/.idx files") }
        let weights = data.train.map(\.weight)
        if weights.contains(where: { $0 != nil }), weights.contains(nil) {
            return Problem("data.train", "some sources have a weight and others have none", "give each a weight, or none")
        }
        if data.validation.contains(where: { $0.weight != nil }) {
            return Problem("data.validation", "validation reads each source once, so that weights mean nothing", "leave them out")
        }
        return nil
    }

    private func checkObjective(_ node: ConfigurationNode) -> Problem? {
        for (index, part) in objective.mixture.enumerated() where !part.mixture.isEmpty || part.labelSmoothing != 0 {
            let key = part.mixture.isEmpty ? "label_smoothing" : "mixture"
            return Problem("objective.mixture", "[\(index)] has the key \(key), which is of the whole", "write it beside mixture")
        }
        if objective.mixture.isEmpty, objective.weight != 1 { return Problem("objective.weight", "a weight means nothing outside a mixture") }
        let isInstruction = objective.parts.map { $0.kind == .instruction }
        if isInstruction.contains(true), isInstruction.contains(false) {
            return Problem("objective.mixture", "instruction stands beside other kinds, but they read different files", "train on one after the other")
        }
        for part in objective.parts where part.kind == .masked && part.modeToken != nil {
            return Problem("objective.mode_token", "masked sequences have none")
        }
        return nil
    }

    private func checkSchedule(_ node: ConfigurationNode) -> Problem? {
        if schedule.warmupSteps > schedule.totalSteps {
            return Problem("schedule.warmup_steps", "\(schedule.warmupSteps) steps are more than total_steps, \(schedule.totalSteps)")
        }
        if [.cosine, .linear, .wsd].contains(schedule.kind), schedule.minimumLearningRate > optimizer.learningRate {
            return Problem(
                "schedule.minimum_learning_rate", "\(schedule.minimumLearningRate) is above optimizer.learning_rate, \(optimizer.learningRate)",
                "lower it, or raise the other")
        }
        if let decay = schedule.decaySteps {
            if schedule.kind != .wsd { return Problem("schedule.decay_steps", "only wsd has a decay of its own", "leave it out") }
            if decay > schedule.totalSteps - schedule.warmupSteps {
                return Problem("schedule.decay_steps", "\(decay) steps are more than what total_steps leaves behind the warm-up")
            }
        }
        if case .fixed = precision.lossScale, precision.compute != .f16 {
            return Problem("precision.loss_scale", "\(precision.compute.rawValue) needs no loss scale", "leave it out, or compute in f16")
        }
        return nil
    }

    private func checkRollback(_ node: ConfigurationNode) -> Problem? {
        // Of the checkpoints kept at a step none is older than keep · every steps, a product that may be too large for a number.
        let margin = SpikeRollback().margin, (keep, every) = (checkpoint.keep, checkpoint.every)
        guard stability.spikeRollback, every <= (margin - 1) / keep else { return nil }
        return Problem(
            "stability.spike_rollback", "it goes back \(margin) steps or more, and no checkpoint is kept for longer than \(keep * every) steps",
            "raise checkpoint.keep or checkpoint.every")
    }

    /// What the contract has and later work brings. A line goes with the work that makes it untrue.
    private func checkWhatIsBuilt(_ node: ConfigurationNode) -> Problem? {
        let unbuilt: [(String, Bool, String)] = [
            ("parallel.data", (parallel.data ?? 1) > 1, "1"), ("parallel.tensor", parallel.tensor > 1, "1"),
            ("parallel.sequence", parallel.sequence, "false"), ("parallel.context", parallel.context > 1, "1"),
            ("parallel.pipeline", parallel.pipeline > 1, "1"), ("parallel.virtual_stages", parallel.virtualStages > 1, "1"),
            ("parallel.schedule", parallel.schedule != .oneForwardOneBackward, "1f1b"), ("parallel.zero", parallel.zero > 0, "0"),
            ("parallel.offload", parallel.offload != .none, "none"), ("parallel.device_memory", parallel.deviceMemory != nil, "none"),
            ("adapter.method", adapter.method != .none, "none"),
        ]
        guard let (path, _, value) = unbuilt.first(where: \.1) else { return nil }
        return Problem(path, "this is not built yet", "leave it at \(value)")
    }
}
