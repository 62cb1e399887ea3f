import ApusBase
import ApusDescription
import ApusLayers
import Glibc

/// First values of a new model's weights.
struct WeightInitialization {
    let description: DecoderDescription
    let seed: UInt64

    /// Of matrices, before what depth and DeepNorm make of it (Radford et al. 2019).
    static let standardDeviation = 0.02

    /// Matrices are normal, those at the end of a sublayer divided by √(2L) so that the residual does not grow with depth (Radford et al. 2019);
    /// with DeepNorm feed-forward, value and output projections are Xavier-normal times β = (8L)^-¼ and the others without β (Wang et al. 2022).
    /// Norms start at 1, biases at 0.
    func draw(_ store: ParameterStore) { draw(store, only: Set(store.entries.map(\.name))) }

    /// The same of some of the parameters.
    func draw(_ store: ParameterStore, only names: Set<String>) {
        for (index, entry) in store.entries.enumerated() where names.contains(entry.name) {
            let values = UnsafeMutableBufferPointer(start: store[entry.name].floats, count: entry.count)
            if entry.isMatrix {
                var normal = NormalNumbers(RandomStream(seed: seed, step: 0, sequence: index, site: .initialization))
                let deviation = deviation(entry)
                for i in values.indices { values[i] = Float(normal.next() * deviation) }
            } else {
                values.update(repeating: entry.name.hasSuffix("orm.weight") ? 1 : 0)
            }
        }
    }

    private func deviation(_ entry: ParameterStore.Entry) -> Double {
        let layers = Double(description.layers.count + (description.encoder?.layers.count ?? 0))
        guard entry.name.contains("layers."), isDeepNorm else {
            let endsSublayer = entry.name.hasSuffix(".output.weight") || entry.name.hasSuffix(".down.weight")
            // Where scores are not scaled, queries are small (Raffel et al. 2020).
            let attention = description.layers[0].attention
            let isUnscaledQuery = attention.scale == 1 && entry.name.hasSuffix("ttention.query.weight")
            return Self.standardDeviation / (endsSublayer ? 2 * layers : isUnscaledQuery ? Double(attention.headSize) : 1).squareRoot()
        }
        let scaled = ["feedForward.", ".value.weight", ".output.weight"].contains { entry.name.contains($0) }
        let xavier = (2 / Double(entry.shape[0] + entry.shape[1])).squareRoot()
        return xavier * (scaled ? pow(8 * layers, -0.25) : 1)
    }

    private var isDeepNorm: Bool {
        if case .sequential(.deepNorm) = description.layers.first?.topology { true } else { false }
    }
}

/// Numbers of the standard normal distribution (Box and Muller 1958).
struct NormalNumbers {
    private var stream: RandomStream
    private var spare: Double?

    init(_ stream: RandomStream) { self.stream = stream }

    mutating func next() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = (-2 * log(1 - stream.uniform())).squareRoot(), angle = 2 * Double.pi * stream.uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
