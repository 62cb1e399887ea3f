import ApusBase
import ApusLayers

extension TrainingRun {
    /// Writes a checkpoint of the steps taken.
    /// - Throws: an `InputError` when it cannot be written, and when a weight or what the optimizer keeps is no number.
    func save() throws(InputError) {
        try checkNumbers()
        log.sync()
        var state = TrainingState(
            step: step, tokens: tokens, elapsedSeconds: elapsedSeconds, parts: [:], configuration: configuration.json, versions: ["apus": "1"])
        state.parts[.data] = try loader.position().json
        if let scaler { state.parts[.lossScaler] = scaler.json }
        state.parts[.stability] = .object(["guard": updateGuard.json, "spikes": spikes?.json ?? .null])
        try store.save(groups, state: state)
        saved = (step, updates)
    }

    private func checkNumbers() throws(InputError) {
        for group in groups {
            for tensor in group.tensors {
                guard let index = firstNotFinite(tensor.values) else { continue }
                throw InputError(
                    "training", at: "step \(step)",
                    "element \(index) of \(tensor.name) in \(group.name) is \(tensor.values[index]), and no checkpoint is written of it",
                    remedy: "lower optimizer.learning_rate or set optimizer.gradient_clip; the checkpoints that are there are kept")
            }
        }
    }

    /// Takes up a checkpoint's weights, moments and counts; the data are the loader's matter.
    func restore(_ checkpoint: TrainingCheckpoint) throws(InputError) {
        for group in groups {
            let places = group.tensors.map { tensor in
                TrainingCheckpoint.Place(tensor.name, shape: tensor.shape, UnsafeMutableBufferPointer(mutating: tensor.values))
            }
            try checkpoint.load(group.name, into: places)
        }
        let state = checkpoint.state
        (step, tokens) = (state.step, state.tokens)
        defer { saved = (step, updates) }
        if let json = state.parts[.lossScaler], scaler != nil { try scaler!.restore(json, subject: checkpoint.path) }
        guard let stability = state.parts[.stability] else { return }
        try updateGuard.restore(stability["guard"] ?? .null, subject: checkpoint.path)
        if spikes != nil, let json = stability["spikes"], !json.isNull { try spikes!.restore(json, subject: checkpoint.path) }
    }

    static func position(_ checkpoint: TrainingCheckpoint) throws(InputError) -> DataPosition {
        try DataPosition(checkpoint.state.parts[.data] ?? .null, subject: checkpoint.path)
    }

    /// The weights, and each buffer of the optimizer.
    var groups: [TensorGroup] {
        let weights = model.parameters.entries.map { entry in
            TensorGroup.Tensor(
                entry.name, shape: entry.shape, UnsafeBufferPointer(start: model.parameters[entry.name].floats, count: entry.count))
        }
        let buffers = zip(optimizer.buffers, optimizer.storages).map { buffer, storage in
            let tensors = zip(optimizer.slices, buffer.ranges).filter { !$0.1.isEmpty }.map { slice, range in
                TensorGroup.Tensor(
                    slice.name, shape: range.count == slice.count ? slice.shape : [range.count],
                    UnsafeBufferPointer(start: storage.floats + range.lowerBound, count: range.count))
            }
            return TensorGroup("optimizer." + buffer.name, tensors)
        }
        return [TensorGroup("weights", weights)] + buffers
    }
}
