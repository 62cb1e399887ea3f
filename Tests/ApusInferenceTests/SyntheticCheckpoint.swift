import ApusBase
import ApusDescription
import ApusTensor

@testable import ApusCheckpoints

/// Weights that a counter makes while they are read, the same as make_layers.py makes: matrices of bf16, vectors of f32.
final class SyntheticCheckpoint: Checkpoint {
    let path = "synthetic"
    let entries: [TensorEntry]
    private let numbers: [String: Int]

    init(_ description: DecoderDescription) {
        entries = description.parameters.map {
            let dtype: DType = $0.shape.count == 2 ? .bf16 : .f32
            return TensorEntry(name: $0.name, dtype: dtype, shape: $0.shape, byteCount: checkedByteCount($0.shape, dtype)!, file: 0, offset: 0)
        }
        numbers = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    func entry(_ name: String) -> TensorEntry? { numbers[name].map { entries[$0] } }
    func path(of entry: TensorEntry) -> String { path }

    func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        let seed = entry.name.utf8.reduce(0x811C_9DC5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let size = entry.dtype.blockByteCount, first = byteOffset / size
        let isMatrix = entry.shape.count == 2, scale = isMatrix ? Self.scale(columns: entry.shape[1]) : entry.name.hasSuffix("bias") ? 0.125 : 0.25
        let offset: Float = isMatrix || entry.name.hasSuffix("bias") ? 0 : 1
        for index in 0..<buffer.count / size {
            var x = UInt32(first + index) &* 0x9E37_79B1 &+ seed
            x ^= x >> 16
            x = x &* 0x85EB_CA6B
            x ^= x >> 13
            x = x &* 0xC2B2_AE35
            x ^= x >> 16
            let value = offset + (Float(x >> 24) - 128) / 128 * scale
            if isMatrix {
                buffer.storeBytes(of: UInt16(truncatingIfNeeded: value.bitPattern >> 16), toByteOffset: 2 * index, as: UInt16.self)
            } else {
                buffer.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
            }
        }
    }

    /// The power of two nearest to 1.7 / √columns, by the logarithm.
    private static func scale(columns: Int) -> Float {
        let exact = 1.7 / Float(columns).squareRoot()
        return Float(sign: .plus, exponent: Int((exact.exponent)) + (exact.significand > Float(2).squareRoot() ? 1 : 0), significand: 1)
    }
}
