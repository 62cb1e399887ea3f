import ApusBase
import ApusCheckpoints

/// A valid checkpoint of a run.
package struct TrainingCheckpoint {
    package let path: String
    package let state: TrainingState
    /// The names of its groups of tensors.
    package let groups: [String]

    static let stateName = "state.json"
    private static let suffix = ".safetensors"

    /// Reads all of it once, to hold it against its checksums.
    /// - Throws: an `InputError` that says what makes it invalid.
    package init(path: String, step: Int) throws(InputError) {
        let manifest = try CheckpointManifest.verified(path, step: step)
        self.path = path
        state = try TrainingState(JSON(contentsOf: path + "/" + Self.stateName), subject: path + "/" + Self.stateName)
        groups = manifest.files.map(\.name).filter { $0.hasSuffix(Self.suffix) }.map { String($0.dropLast(Self.suffix.count)) }
    }

    /// Where a tensor's values are to go.
    package struct Place {
        package let name: String
        package let shape: [Int]
        package let values: UnsafeMutableBufferPointer<Float>

        /// - Precondition: there is room for as many values as the shape says.
        package init(_ name: String, shape: [Int], _ values: UnsafeMutableBufferPointer<Float>) {
            precondition(shape.reduce(1, *) == values.count, "the values do not fill the shape")
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// Reads a group's tensors into their places, all of them and no others.
    /// - Throws: an `InputError` when names or shapes are not those of the run.
    package func load(_ group: String, into places: [Place]) throws(InputError) {
        let file = path + "/" + group + Self.suffix
        let remedy = "the model or the optimizer is another than that of the checkpoint: give its configuration, or another checkpoint.directory"
        guard groups.contains(group) else { throw InputError(path, "holds no \(group)", remedy: remedy) }
        let checkpoint = try SafetensorsCheckpoint(path: file)
        var missing = Set(checkpoint.entries.map(\.name))
        for place in places {
            guard let entry = checkpoint.entry(place.name) else { throw InputError(file, at: "tensor \(place.name)", "is missing", remedy: remedy) }
            guard entry.dtype == .f32, entry.shape == place.shape else {
                throw InputError(file, at: "tensor \(place.name)", "has the shape \(entry.shape), where \(place.shape) is needed", remedy: remedy)
            }
            missing.remove(place.name)
        }
        if let name = missing.min() { throw InputError(file, at: "tensor \(name)", "the model has none of that name", remedy: remedy) }
        for place in places {
            try checkpoint.read(checkpoint.entry(place.name)!, from: 0, into: UnsafeMutableRawBufferPointer(place.values))
        }
    }
}
