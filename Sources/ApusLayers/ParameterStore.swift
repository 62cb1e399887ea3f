import ApusDescription
import ApusTensor

/// All weights of a model that is being trained, in one piece of memory, f32, and their gradients in another at the same places. Matrices come
/// first, in the order of the description, so that those which share an input lie one after the other.
package final class ParameterStore {
    /// A parameter's place.
    package struct Entry: Sendable {
        /// Canonical.
        package let name: String
        /// `[outputs, inputs]`, or the width of a vector.
        package let shape: [Int]
        /// Of its first element, a multiple of 16.
        package let offset: Int

        package var count: Int { shape.reduce(1, *) }
        package var isMatrix: Bool { shape.count == 2 }
    }

    package let entries: [Entry]
    /// Elements of each buffer, gaps included; they hold zeros.
    package let elementCount: Int
    package let weights: Storage
    package let gradients: Storage
    private let parts: [String: Storage]
    /// Of each parameter's storage, that of its gradient.
    private let gradientsByWeights: [ObjectIdentifier: Storage]
    private let namesByWeights: [ObjectIdentifier: String]

    /// Where each parameter of a model lies.
    package static func entries(of description: DecoderDescription) -> [Entry] {
        let parameters = description.parameters
        var offset = 0
        return (parameters.filter { $0.shape.count == 2 } + parameters.filter { $0.shape.count != 2 }).map { parameter in
            defer { offset += (parameter.shape.reduce(1, *) + 15) / 16 * 16 }
            return Entry(name: parameter.name, shape: parameter.shape, offset: offset)
        }
    }

    /// Zeros. Nil without memory.
    package init?(_ description: DecoderDescription, on backend: any Backend) {
        let entries = Self.entries(of: description), offset = entries.last.map { ($0.offset + $0.count + 15) / 16 * 16 } ?? 0
        guard let weights = backend.allocate(byteCount: offset * 4), let gradients = backend.allocate(byteCount: offset * 4) else { return nil }
        var parts: [String: Storage] = [:], gradientsByWeights: [ObjectIdentifier: Storage] = [:], names: [ObjectIdentifier: String] = [:]
        for entry in entries {
            let part = Storage(part: weights, at: entry.offset * 4, byteCount: entry.count * 4)
            parts[entry.name] = part
            gradientsByWeights[ObjectIdentifier(part)] = Storage(part: gradients, at: entry.offset * 4, byteCount: entry.count * 4)
            names[ObjectIdentifier(part)] = entry.name
        }
        self.entries = entries
        elementCount = offset
        self.weights = weights
        self.gradients = gradients
        self.parts = parts
        self.gradientsByWeights = gradientsByWeights
        namesByWeights = names
    }

    /// The weights of a parameter.
    package subscript(name: String) -> Storage { parts[name]! }

    /// The gradient of a parameter.
    package func gradient(_ name: String) -> Storage { gradientsByWeights[ObjectIdentifier(parts[name]!)]! }

    /// The parameter that has these weights.
    package func name(of weights: Storage) -> String? { namesByWeights[ObjectIdentifier(weights)] }

    package func clearGradients(on backend: any TrainingBackend) {
        backend.fill(Rows(gradients, count: 1, width: elementCount), with: 0)
    }

    /// The matrices, as the modules take them.
    package var matrices: [String: PackedMatrix] {
        Dictionary(
            uniqueKeysWithValues: entries.filter(\.isMatrix).map {
                ($0.name, PackedMatrix(trained: parts[$0.name]!, rows: $0.shape[0], columns: $0.shape[1]))
            })
    }
}
