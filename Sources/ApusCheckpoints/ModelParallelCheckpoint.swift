import ApusBase
import ApusTensor

/// A model that the ranks of tensor parallelism wrote in a file each: of a divided tensor every part holds as many rows or columns, all
/// others are in each part alike. Tensors appear whole, and are put together while they are read.
package final class ModelParallelCheckpoint: Checkpoint {
    /// What of a tensor the parts hold.
    package enum Division { case rows, columns, whole }

    package let path: String
    package let entries: [TensorEntry]
    private let parts: [any Checkpoint]
    private let byName: [String: Int]
    private let divisions: [Division]

    /// - Parameters:
    ///   - path: what the user gave.
    ///   - parts: at least one, in the order of their ranks.
    ///   - division: of the tensor of a name, and its shape in the first part.
    /// - Throws: an `InputError` unless all parts hold the same tensors in shapes and types that fit, and undivided ones with the same bytes.
    package init(path: String, parts: [any Checkpoint], division: (_ name: String, _ shape: [Int]) -> Division) throws(InputError) {
        self.path = path
        self.parts = parts
        var entries: [TensorEntry] = [], divisions: [Division] = []
        for entry in parts[0].entries {
            let division = entry.shape.count == 2 ? division(entry.name, entry.shape) : .whole
            entries.append(try Self.joined(entry, division, parts))
            divisions.append(division)
        }
        for part in parts where part.entries.count != entries.count {
            let extra = part.entries.first { parts[0].entry($0.name) == nil }!
            throw InputError(part.path, at: "tensor \(extra.name)", "is not in \(parts[0].path): parts of one model have the same tensors")
        }
        self.entries = entries
        self.divisions = divisions
        byName = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    /// The whole of a tensor, after a look at all its parts.
    private static func joined(_ first: TensorEntry, _ division: Division, _ parts: [any Checkpoint]) throws(InputError) -> TensorEntry {
        for part in parts.dropFirst() {
            guard let entry = part.entry(first.name) else {
                throw InputError(part.path, at: "tensor \(first.name)", "is missing, but \(parts[0].path) has it", remedy: "fetch all parts again")
            }
            guard entry.shape == first.shape, entry.dtype == first.dtype else {
                throw InputError(
                    part.path, at: "tensor \(first.name)",
                    "is of \(entry.dtype) and \(entry.shape), in \(parts[0].path) of \(first.dtype) and \(first.shape): parts are alike")
            }
            if division == .whole, !(try parts[0].holds(first, as: entry, in: part)) {
                throw InputError(part.path, at: "tensor \(first.name)", "differs from the same in \(parts[0].path), though it is not divided")
            }
        }
        var shape = first.shape
        if division != .whole {
            let dimension = division == .rows ? 0 : 1
            shape[dimension] = checkedProduct([shape[dimension], parts.count]) ?? -1
        }
        guard !first.dtype.isQuantized, let byteCount = checkedByteCount(shape, first.dtype) else {
            throw InputError(parts[0].path, at: "tensor \(first.name)", "is beyond all sizes as one of \(parts.count) parts, or of a type in blocks")
        }
        return TensorEntry(name: first.name, dtype: first.dtype, shape: shape, byteCount: byteCount, offset: 0)
    }

    package func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    /// The file of the first part, as all hold a tensor of that name.
    package func path(of entry: TensorEntry) -> String { parts[0].path(of: parts[0].entry(entry.name)!) }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        guard !buffer.isEmpty else { return }
        let index = byName[entry.name]!
        // Bytes that lie together in a part, of which the parts take turns in the whole tensor.
        let run: Int
        switch divisions[index] {
        case .whole: return try parts[0].read(parts[0].entry(entry.name)!, from: byteOffset, into: buffer)
        case .rows: run = entry.byteCount / parts.count
        case .columns: run = entry.byteCount / entry.shape[0] / parts.count
        }
        var done = 0
        while done < buffer.count {
            let turn = (byteOffset + done) / run, within = (byteOffset + done) % run, part = parts[turn % parts.count]
            let count = min(run - within, buffer.count - done)
            try part.read(
                part.entry(entry.name)!, from: turn / parts.count * run + within, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count]))
            done += count
        }
    }
}
