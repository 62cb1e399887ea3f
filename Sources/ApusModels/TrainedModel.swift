import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusTensor

/// A decoder, or an encoder with the head that predicts hidden tokens, whose weights lie in a parameter store and whose operations a tape
/// records.
package final class TrainedModel {
    package let decoder: Decoder
    package let parameters: ParameterStore
    package let tape: Tape
    /// What was added to a vector's numbers when it was read (Gemma's norms multiply by 1 + w).
    package let increments: [String: Float]

    /// - Throws: an `InputError` without memory, and when the weights cannot be read.
    private init(
        _ description: DecoderDescription, path: String, dropout: DropoutDescription, type: DType, recompute: Tape.Recompute, on backend: CPUBackend,
        fill: (ParameterStore, _ increments: [String: Float]) throws(InputError) -> Void
    ) throws(InputError) {
        guard let store = ParameterStore(description, on: backend) else { throw InputError(path, "no memory for weights and gradients") }
        let tape = Tape(backend, type: type, recompute: recompute, parameters: store.entries.map { (store[$0.name], store.gradient($0.name)) })
        let increments = Increments()
        var assembly = DecoderAssembly(backend: tape, path: path, description: description, matrices: store.matrices) {
            (name, increment) throws(InputError) in
            increments.values[name] = increment
            return store[name]
        }
        assembly.dropout = dropout
        decoder = try assembly.decoder()
        try fill(store, increments.values)
        parameters = store
        self.tape = tape
        self.increments = increments.values
    }

    private final class Increments { var values: [String: Float] = [:] }

    /// New weights.
    /// - Parameter draw: gives every parameter its first value, in what its norm multiplies by.
    package convenience init(
        _ description: DecoderDescription, dropout: DropoutDescription = .none, type: DType, recompute: Tape.Recompute, on backend: CPUBackend,
        draw: (ParameterStore) -> Void
    ) throws(InputError) {
        try self.init(description, path: description.architecture, dropout: dropout, type: type, recompute: recompute, on: backend) { store, _ in
            draw(store)
        }
    }

    /// The weights of a model's files: those of a decoder, or of an encoder that predicts hidden tokens.
    /// - Parameter draw: gives the parameters that the files lack, which are those of a head for hidden tokens, their first values.
    package convenience init(
        _ source: ModelSource, dropout: DropoutDescription = .none, type: DType, recompute: Tape.Recompute, on backend: CPUBackend,
        draw: (ParameterStore, Set<String>) -> Void
    ) throws(InputError) {
        guard let description = source.description.head == nil ? source.description.predictingHidden : source.description else {
            throw InputError(source.path, "\(source.description.architecture) is an encoder without a head that predicts tokens")
        }
        try self.init(description, path: source.path, dropout: dropout, type: type, recompute: recompute, on: backend) {
            (store, increments) throws(InputError) in
            try ModelLoader(source: source, backend: backend, dtype: .f32).fill(store, adding: increments)
            draw(store, Set(store.entries.map(\.name)).subtracting(source.places.keys))
        }
    }
}

extension ModelLoader {
    /// Reads all parameters that there are into a store.
    func fill(_ store: ParameterStore, adding increments: [String: Float]) throws(InputError) {
        let matrices = store.matrices
        var jobs: [Job] = []
        for entry in store.entries where source.places[entry.name] != nil {
            if let matrix = matrices[entry.name] {
                jobs.append(Job(entry: try source.entry(entry.name), matrix: matrix, place: source.places[entry.name]!))
            } else {
                let values = try source.vector(entry.name, adding: increments[entry.name] ?? 0)
                store[entry.name].floats.update(from: values, count: values.count)
            }
        }
        try run(jobs)
    }
}
