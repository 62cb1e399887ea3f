/// Rows and columns of a view on a grid of elements.
struct Rect: Equatable {
    var rows: Range<Int>
    var columns: Range<Int>

    var isEmpty: Bool { rows.isEmpty || columns.isEmpty }

    func intersects(_ other: Rect) -> Bool { rows.overlaps(other.rows) && columns.overlaps(other.columns) }

    /// What is left of it outside `other`, in parts that do not overlap.
    func subtracting(_ other: Rect) -> [Rect] {
        guard intersects(other) else { return [self] }
        let middle = rows.clamped(to: other.rows)
        let parts = [
            Rect(rows: rows.lowerBound..<middle.lowerBound, columns: columns),
            Rect(rows: middle.upperBound..<rows.upperBound, columns: columns),
            Rect(rows: middle, columns: columns.lowerBound..<max(columns.lowerBound, other.columns.lowerBound)),
            Rect(rows: middle, columns: min(columns.upperBound, other.columns.upperBound)..<columns.upperBound),
        ]
        return parts.filter { !$0.isEmpty }
    }

    /// What is left of it outside all of `others`.
    func subtracting(_ others: [Rect]) -> [Rect] {
        others.reduce([self]) { parts, other in parts.flatMap { $0.subtracting(other) } }
    }
}
