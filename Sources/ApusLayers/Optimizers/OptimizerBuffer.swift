/// Where one flat buffer of an optimizer's state holds what belongs to each parameter. A parameter's part starts at a multiple of 16, as
/// parameters do among the weights.
package struct OptimizerBuffer: Sendable, Equatable {
    package let name: String
    /// Of each parameter, empty where the buffer has nothing of it.
    package let ranges: [Range<Int>]

    /// - Parameter count: elements kept of a parameter.
    init(_ name: String, _ slices: [OptimizerSlice], _ count: (OptimizerSlice) -> Int) {
        self.name = name
        var offset = 0
        ranges = slices.map { slice in
            let start = offset, elements = count(slice)
            offset += (elements + 15) / 16 * 16
            return start..<start + elements
        }
    }

    /// Gaps included.
    package var elementCount: Int { ((ranges.last?.upperBound ?? 0) + 15) / 16 * 16 }
}
