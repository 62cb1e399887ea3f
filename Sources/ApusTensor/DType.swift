/// The element types of tensors: plain numbers, and GGUF's blocks of quantised weights.
///
/// A block type stores `blockSize` consecutive elements of one row in `blockByteCount` bytes;
/// a plain type is a block of one. Layouts: ggml's `ggml-common.h`, see `CApusKernels/blocks.h`.
public enum DType: String, CaseIterable, Sendable, Hashable {
    /// Plain numbers. Weights are f32, bf16 or f16; the integers only occur in files.
    case f32, bf16, f16, i32, i64, u8
    /// Blocks of 32: levels of 4, 5 or 8 bits with a scale, the `_1` types with a minimum as well.
    case q4_0, q4_1, q5_0, q5_1, q8_0
    /// Blocks of 256 in parts of 16 or 32, whose scales are quantised themselves (K-quants).
    case q2_k, q3_k, q4_k, q5_k, q6_k

    /// Elements in one block.
    public var blockSize: Int {
        switch self {
        case .f32, .bf16, .f16, .i32, .i64, .u8: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
        case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k: 256
        }
    }

    /// Bytes of one block.
    public var blockByteCount: Int {
        switch self {
        case .u8: 1
        case .bf16, .f16: 2
        case .f32, .i32: 4
        case .i64: 8
        case .q4_0: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_k: 84
        case .q3_k: 110
        case .q4_k: 144
        case .q5_k: 176
        case .q6_k: 210
        }
    }

    /// Whether it is one of the block types.
    public var isQuantized: Bool { blockSize > 1 }

    /// Bytes of `count` elements, or nil when they do not fill whole blocks or the product overflows.
    public func byteCount(elements count: Int) -> Int? {
        guard count >= 0, count % blockSize == 0 else { return nil }
        let (bytes, overflow) = (count / blockSize).multipliedReportingOverflow(by: blockByteCount)
        return overflow ? nil : bytes
    }
}
