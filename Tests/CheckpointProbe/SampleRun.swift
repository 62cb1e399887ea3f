import ApusBase
import ApusTraining

/// The tensors and the state of a made-up run, all of them functions of the step.
struct SampleRun {
    /// Elements of the one large tensor of each group.
    var elements = 500
    /// Besides the weights.
    var optimizerBuffers = ["optimizer.first_moment", "optimizer.second_moment"]
    /// Bytes of a text in the configuration.
    var noteByteCount = 20

    private var shapes: [(name: String, shape: [Int])] { [("layers.0.query.weight", [elements / 5, 5]), ("norm.weight", [3]), ("none", [0, 4])] }

    private static func value(_ step: Int, _ group: String, _ tensor: String, _ index: Int) -> Float {
        Float(step) + Float(group.utf8.count) / 64 + Float(tensor.utf8.count) / 4096 + Float(index % 1009) * 16
    }

    func state(_ step: Int) -> TrainingState {
        TrainingState(
            step: step, tokens: step * 4096, parts: [.data: .object(["epoch": .integer(step / 7)]), .random: .object(["seed": .integer(step)])],
            configuration: .object(["note": .string(String(repeating: "x", count: noteByteCount))]), versions: ["apus": "test"])
    }

    func save(_ step: Int, to store: CheckpointStore) throws(InputError) {
        let names = ["weights"] + optimizerBuffers
        var memory: [UnsafeMutableBufferPointer<Float>] = []
        defer { memory.forEach { $0.deallocate() } }
        let groups = names.map { group in
            TensorGroup(
                group,
                shapes.map { name, shape in
                    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.reduce(1, *))
                    for index in values.indices { values[index] = Self.value(step, group, name, index) }
                    memory.append(values)
                    return TensorGroup.Tensor(name, shape: shape, UnsafeBufferPointer(values))
                })
        }
        try store.save(groups, state: state(step))
    }

    /// What a checkpoint holds that it should not, if anything.
    func fault(in checkpoint: TrainingCheckpoint) throws(InputError) -> String? {
        let step = checkpoint.state.step
        guard checkpoint.state == state(step) else { return "the state of step \(step) is another" }
        for group in ["weights"] + optimizerBuffers {
            let places = shapes.map { TrainingCheckpoint.Place($0.name, shape: $0.shape, .allocate(capacity: $0.shape.reduce(1, *))) }
            defer { places.forEach { $0.values.deallocate() } }
            try checkpoint.load(group, into: places)
            for place in places {
                for (index, value) in place.values.enumerated() where value != Self.value(step, group, place.name, index) {
                    return "\(group) \(place.name) of step \(step) is another at \(index)"
                }
            }
        }
        return nil
    }
}
