import ApusBase
import CApusKernels

/// What a machine can do at most (Williams et al. 2009), all threads at once.
public struct Roofline: Sendable {
    /// Bytes read from memory.
    public var readBytesPerSecond: Double
    /// Operations a second, a multiplication and an addition being two; nil where products of the kind are not made as such.
    public var f32OperationsPerSecond: Double
    /// Of bf16 into f32.
    public var bf16OperationsPerSecond: Double?
    /// Of bytes into whole numbers.
    public var int8OperationsPerSecond: Double?
}

extension CPUBackend {
    /// Measures for a second or two; nil without memory. With scalar kernels f32 goes four at a time, as the compiler would have it.
    public func measureRoofline() -> Roofline? {
        guard let readBytesPerSecond = measureReading() else { return nil }
        return Roofline(
            readBytesPerSecond: readBytesPerSecond, f32OperationsPerSecond: measure(APUS_ROOFLINE_F32) ?? 0,
            bf16OperationsPerSecond: measure(APUS_ROOFLINE_BF16), int8OperationsPerSecond: measure(APUS_ROOFLINE_INT8))
    }

    /// Operations a second that products of a type (f32, bf16 or f16) could reach: those of bf16 where it is multiplied as such, and of f32
    /// otherwise. Measures for a fifth of a second at most.
    package func measurePeak(of type: DType) -> Double {
        (type == .bf16 ? measure(APUS_ROOFLINE_BF16) : nil) ?? measure(APUS_ROOFLINE_F32) ?? 0
    }

    /// The shortest of five runs of `body` by every thread, in seconds.
    private func shortest(_ body: (Int) -> Void) -> Double {
        var least = Double.infinity
        for _ in 0..<5 {
            least = min(least, ContinuousClock().measure { parallel(threadCount) { task, _ in body(task) } }.seconds)
        }
        return least
    }

    private func measure(_ kind: apus_roofline_kind) -> Double? {
        let number = Int32(kind.rawValue), round = apus_roofline_compute(kernels, number, 1)
        guard round > 0 else { return nil }
        // The matrix unit takes much longer for a round.
        let rounds: Int64 = round > 100_000 ? 250_000 : 5_000_000, operations = round * Double(rounds) * Double(threadCount)
        return operations / shortest { _ in _ = apus_roofline_compute(kernels, number, rounds) }
    }

    private func measureReading() -> Double? {
        let part = 256 << 20
        guard let storage = allocate(byteCount: part * threadCount) else { return nil }
        let bytes = storage.bytes
        // Each thread writes its part first: pages that no one wrote to need not exist.
        parallel(threadCount) { task, _ in
            UnsafeMutableRawBufferPointer(rebasing: bytes[task * part..<(task + 1) * part]).initializeMemory(as: UInt8.self, repeating: 1)
        }
        let start = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
        return Double(part * threadCount) / shortest { task in _ = apus_roofline_read(start + task * part, part) }
    }
}
