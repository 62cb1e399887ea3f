import ApusBase
import ApusCheckpoints

/// A gradient's norm and 32 sums of its elements with random signs (Tests/Goldens/make_gradients.py).
struct GradientSketch {
    static let count = 32
    let norm: Double
    let sums: [Double]

    init(_ values: [Float]) {
        var sums = [Double](repeating: 0, count: Self.count), squares = 0.0
        for (index, value) in values.enumerated() {
            let bits = Self.bits(UInt64(index) + 1), x = Double(value)
            squares += x * x
            for j in 0..<Self.count { sums[j] += bits >> UInt64(j) & 1 == 1 ? x : -x }
        }
        norm = squares.squareRoot()
        self.sums = sums
    }

    /// A tensor of a file of sketches.
    init(reading entry: TensorEntry, of checkpoint: SafetensorsCheckpoint) throws {
        let values = try checkpoint.floats(entry)
        norm = Double(values[0])
        sums = values.dropFirst().map { Double($0) }
    }

    /// An estimate of the norm of the difference.
    func distance(to other: GradientSketch) -> Double {
        (zip(sums, other.sums).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(Self.count)).squareRoot()
    }

    /// splitmix64 (Steele et al. 2014).
    private static func bits(_ number: UInt64) -> UInt64 {
        var x = number &* 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }
}

extension SafetensorsCheckpoint {
    /// The values of a tensor of f32.
    func floats(_ entry: TensorEntry) throws -> [Float] {
        var values = [Float](repeating: 0, count: entry.elementCount)
        try values.withUnsafeMutableBytes { try read(entry, from: 0, into: $0) }
        return values
    }
}
