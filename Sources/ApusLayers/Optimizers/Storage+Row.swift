import ApusTensor

extension Storage {
    /// A range of its elements, f32, in one row.
    func row(_ range: Range<Int>) -> Rows { Rows(self, offset: range.lowerBound, count: 1, width: range.count) }
}
