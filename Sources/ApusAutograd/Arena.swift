import ApusTensor

/// Memory for what a pass keeps, given back all at once.
final class Arena {
    /// How far it is filled.
    struct Mark {
        fileprivate var chunk = 0
        fileprivate var used = 0
        fileprivate var usedOfLent = 0
        fileprivate var total = 0
    }

    private let backend: any Backend
    private var chunks: [Storage] = []
    private var mark = Mark()
    private var lent: Storage?
    /// The most bytes that were in use at once.
    private(set) var peakByteCount = 0

    init(_ backend: any Backend) { self.backend = backend }

    var current: Mark { mark }

    /// Room for rows of a type.
    func rows(_ dtype: DType, count: Int, width: Int) -> KeptRows {
        let size = dtype == .f32 ? 4 : 2, byteCount = (count * width * size + 63) / 64 * 64
        let (storage, offset) = allocate(byteCount)
        return KeptRows(storage, offset: offset / size, dtype: dtype, count: count, width: width)
    }

    /// Takes memory that others need later, which is used first, in place of what was lent before; nil: none.
    func borrow(_ storage: Storage?) {
        lent = storage
        mark.usedOfLent = 0
    }

    private func allocate(_ byteCount: Int) -> (Storage, Int) {
        defer {
            mark.total += byteCount
            peakByteCount = max(peakByteCount, mark.total)
        }
        if let lent, mark.usedOfLent + byteCount <= lent.byteCount {
            defer { mark.usedOfLent += byteCount }
            return (lent, mark.usedOfLent)
        }
        while mark.chunk < chunks.count, mark.used + byteCount > chunks[mark.chunk].byteCount {
            mark.chunk += 1
            mark.used = 0
        }
        if mark.chunk == chunks.count { chunks.append(backend.allocate(byteCount: max(byteCount, 16 << 20), for: "activations")) }
        defer { mark.used += byteCount }
        return (chunks[mark.chunk], mark.used)
    }

    /// Gives back all that was asked for since the mark.
    func release(to mark: Mark) { self.mark = mark }
}
