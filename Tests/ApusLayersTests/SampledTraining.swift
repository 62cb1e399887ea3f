import ApusCheckpoints
import ApusTensor
import Testing

@testable import ApusLayers

/// The small parameters and their gradients of Tests/Goldens/optimizers.
struct SampledTraining {
    let slices: [OptimizerSlice]
    let elementCount: Int
    private let file: SafetensorsCheckpoint

    init?() {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        guard let file = try? SafetensorsCheckpoint(path: "/\(folder)/Goldens/optimizers/steps.safetensors") else { return nil }
        var slices: [OptimizerSlice] = [], offset = 0
        for name in ["wide", "tall", "embedding", "norm"] {
            guard let entry = file.entry("start.\(name)") else { return nil }
            slices.append(
                OptimizerSlice(
                    name: name, offset: offset, shape: entry.shape, decays: entry.shape.count == 2, isHidden: ["wide", "tall"].contains(name)))
            offset += (entry.elementCount + 15) / 16 * 16
        }
        (self.file, self.slices, elementCount) = (file, slices, offset)
    }

    func tensor(_ name: String) throws -> [Float] {
        let entry = try #require(file.entry(name))
        var values = [Float](repeating: 0, count: entry.elementCount)
        try values.withUnsafeMutableBytes { try file.read(entry, from: 0, into: $0) }
        return values
    }

    /// The weights after twenty steps, by owners who each have some of the parameters.
    func run(_ owners: [[OptimizerSlice]], _ optimizer: any Optimizer, on backend: CPUBackend) throws -> [Float] {
        let weights = try #require(backend.allocate(byteCount: elementCount * 4))
        let gradients = try #require(backend.allocate(byteCount: elementCount * 4))
        for slice in slices {
            for (i, value) in try tensor("start.\(slice.name)").enumerated() { weights.floats[slice.offset + i] = value }
        }
        var states: [OptimizerState] = []
        for owner in owners { states.append(try #require(OptimizerState(optimizer, owner, on: backend))) }
        let all = try slices.map { try tensor("gradients.\($0.name)") }
        for step in 1...20 {
            for (slice, values) in zip(slices, all) {
                for i in 0..<slice.count { gradients.floats[slice.offset + i] = values[(step - 1) * slice.count + i] }
            }
            let numbers = OptimizerStep(number: step, learningRate: 0.01 * (1 + 0.1 * Double(step)), gradientScale: 0.5)
            for state in states { optimizer.update(numbers, weights: weights, gradients: gradients, state: state, on: backend) }
        }
        return (0..<elementCount).map { weights.floats[$0] }
    }
}
