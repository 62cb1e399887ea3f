import ApusTensor

/// The gradients of one storage of activations, element by element at the same places. Only what an operation has written counts: the rest
/// is zero without being touched.
///
/// A pass writes the same memory over and over; going backwards, what a cell holds is the gradient of the value that it held then.
final class GradientMirror {
    /// Kept, so that no other storage takes its identity.
    let original: Storage
    private let storage: Storage
    /// Elements from row to row of the views in use; it changes only when nothing counts.
    private var stride = 0
    private var written: [Rect] = []

    init(_ original: Storage, on backend: any Backend) {
        self.original = original
        storage = backend.allocate(byteCount: original.byteCount, for: "gradients of activations")
    }

    /// The gradient of a view, zeros filled in where none was written; nil where all of it is zero.
    func existing(_ rows: Rows, _ backend: any TrainingBackend) -> Rows? {
        guard let rect = rect(of: rows), written.contains(where: { $0.intersects(rect) }) else { return nil }
        fillGaps(rect, backend)
        return mirrored(rows)
    }

    /// Where the gradient of a view goes, and whether it is added to what is there.
    func target(_ rows: Rows, _ backend: any TrainingBackend) -> (rows: Rows, adds: Bool) {
        if written.isEmpty { stride = rows.stride }
        let rect = rect(of: rows)!, isNew = !written.contains { $0.intersects(rect) }
        if isNew { written.append(rect) } else { fillGaps(rect, backend) }
        return (mirrored(rows), !isNew)
    }

    /// The view was overwritten: what it held before gets no gradient through it.
    func clear(_ rows: Rows) {
        guard let rect = rect(of: rows) else { return }
        written = written.flatMap { $0.subtracting(rect) }
    }

    /// Nothing counts any more.
    func clear() { written = [] }

    private func fillGaps(_ rect: Rect, _ backend: any TrainingBackend) {
        for gap in rect.subtracting(written) {
            backend.fill(
                Rows(storage, offset: gap.rows.lowerBound * stride + gap.columns.lowerBound, count: gap.rows.count, width: gap.columns.count, stride: stride),
                with: 0)
            written.append(gap)
        }
    }

    private func mirrored(_ rows: Rows) -> Rows { Rows(storage, offset: rows.offset, count: rows.count, width: rows.width, stride: rows.stride) }

    /// Where a view lies on the grid; nil when nothing counts.
    private func rect(of rows: Rows) -> Rect? {
        guard stride > 0, rows.count > 0 else { return nil }
        let row = rows.offset / stride, column = rows.offset % stride
        if rows.stride == stride || rows.count == 1, column + rows.width <= stride {
            return Rect(rows: row..<row + rows.count, columns: column..<column + rows.width)
        }
        // Parts of rows that lie side by side.
        precondition(rows.stride == rows.width, "views of one buffer with different strides")
        let length = rows.count * rows.width
        if column + length <= stride { return Rect(rows: row..<row + 1, columns: column..<column + length) }
        precondition(column == 0 && length % stride == 0, "a view that is no rectangle of its buffer")
        return Rect(rows: row..<row + length / stride, columns: 0..<stride)
    }
}
