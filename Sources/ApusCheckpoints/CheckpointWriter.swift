import ApusBase

/// Writes a checkpoint from front to back. Nothing is seen at its place before `finish()`; dropping the writer leaves what was there.
package protocol CheckpointWriter: AnyObject {
    /// The tensors in the order in which their bytes must come.
    var tensors: [TensorPlan] { get }
    /// Bytes of the files so far, headers included.
    var byteCount: Int { get }
    /// Takes the next bytes of the current tensor, which they may not exceed.
    func append(_ bytes: UnsafeRawBufferPointer) throws(InputError)
    /// Puts the files in their places.
    /// - Precondition: all bytes of all tensors were appended.
    func finish() throws(InputError)
}

/// Which tensor the next bytes belong to.
struct TensorCursor {
    private let byteCounts: [Int]
    private(set) var index = 0
    private var remaining: Int

    init(_ tensors: [TensorPlan]) {
        precondition(Set(tensors.map(\.name)).count == tensors.count, "the names of tensors must be unique")
        byteCounts = tensors.map(\.byteCount)
        remaining = byteCounts.first ?? 0
    }

    var isAtEnd: Bool { index == byteCounts.count }

    mutating func take(_ count: Int) {
        precondition(count <= remaining, "more bytes than the tensor has")
        remaining -= count
    }

    /// Steps to the next tensor if the current one is complete.
    mutating func stepIfComplete() -> Bool {
        guard !isAtEnd, remaining == 0 else { return false }
        index += 1
        remaining = isAtEnd ? 0 : byteCounts[index]
        return true
    }
}
