import ApusTensor

/// What an optimizer keeps of some of a model's parameters: flat buffers, f32, to be saved and restored as they are, or by parameter with
/// `OptimizerBuffer.ranges`. A rank that owns some of the parameters makes a state of just these.
package final class OptimizerState {
    /// In the order of their offsets.
    package let slices: [OptimizerSlice]
    package let buffers: [OptimizerBuffer]
    package let storages: [Storage]
    private let scratch: Storage?

    /// Zeros. Nil without memory.
    package init?(_ optimizer: any Optimizer, _ slices: [OptimizerSlice], on backend: any Backend) {
        let buffers = optimizer.buffers(for: slices), scratch = optimizer.scratchCount(for: slices)
        var storages: [Storage] = []
        for buffer in buffers {
            guard let storage = backend.allocate(byteCount: buffer.elementCount * 4) else { return nil }
            storages.append(storage)
        }
        self.scratch = scratch > 0 ? backend.allocate(byteCount: scratch * 4) : nil
        if scratch > 0, self.scratch == nil { return nil }
        self.slices = slices
        self.buffers = buffers
        self.storages = storages
    }

    /// What a buffer holds of a parameter, in one row.
    func part(_ buffer: Int, of slice: Int) -> Rows { storages[buffer].row(buffers[buffer].ranges[slice]) }

    /// A range of the scratch memory, in one row.
    func scratch(_ range: Range<Int>) -> Rows { scratch!.row(range) }

    /// Parameters that can be updated at once: neighbours among the weights that decay alike. `body` is given their indices, their range of the
    /// weights, and whether they decay.
    func forEachRun(where isWanted: (OptimizerSlice) -> Bool = { _ in true }, _ body: (Range<Int>, Range<Int>, _ decays: Bool) -> Void) {
        var first = 0
        while first < slices.count {
            guard isWanted(slices[first]) else {
                first += 1
                continue
            }
            var last = first
            while last + 1 < slices.count, isWanted(slices[last + 1]), slices[last + 1].decays == slices[first].decays,
                slices[last + 1].offset == slices[last].offset + (slices[last].count + 15) / 16 * 16
            { last += 1 }
            body(first..<last + 1, slices[first].offset..<slices[last].offset + slices[last].count, slices[first].decays)
            first = last + 1
        }
    }

    /// What a buffer that has all of each parameter holds of a run of `count` elements.
    func run(_ buffer: Int, from slice: Int, count: Int) -> Rows {
        let start = buffers[buffer].ranges[slice].lowerBound
        return storages[buffer].row(start..<start + count)
    }
}
