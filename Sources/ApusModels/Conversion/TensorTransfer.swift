import ApusBase
import ApusCheckpoints
import ApusTensor

/// One tensor on its way into a new file: its type there, and where its elements come from.
struct TensorTransfer {
    /// A parameter, or a whole tensor, as it lies in the source, and the rows it takes in the new tensor.
    struct Part {
        let entry: TensorEntry
        let from: ParameterPlace
        let to: ParameterPlace
        /// Of the parameter: one if it is a vector.
        let columns: Int
    }

    enum Content {
        /// Parameters that share the tensor.
        case parts([Part])
        /// f32.
        case values([Float])
    }

    let plan: TensorPlan
    let content: Content

    /// Copies or converts the elements, some megabytes at a time, on all threads.
    func write(from checkpoint: any Checkpoint, to writer: any CheckpointWriter, on backend: CPUBackend) throws(InputError) {
        switch content {
        case .values(let values): try append(values, to: writer)
        case .parts(let parts):
            if plan.byteCount == 0 { return }
            if plan.shape.count < 2 {
                try writeVector(parts, from: checkpoint, to: writer)
            } else if parts.contains(where: { $0.from.isTransposed || $0.to.isTransposed }) {
                try writeTransposed(parts, from: checkpoint, to: writer)
            } else {
                try writeRows(parts, from: checkpoint, to: writer, on: backend)
            }
        }
    }

    private func append(_ values: [Float], to writer: any CheckpointWriter) throws(InputError) {
        let failure = FirstFailure()
        values.withUnsafeBytes { bytes in failure.catching { () throws(InputError) in try writer.append(bytes) } }
        try failure.check()
    }

    // MARK: Vectors

    private func writeVector(_ parts: [Part], from checkpoint: any Checkpoint, to writer: any CheckpointWriter) throws(InputError) {
        var values = [Float](repeating: 0, count: plan.shape.reduce(1, *))
        for part in parts {
            let read = try checkpoint.vector(part.entry), offset = part.to.offset - part.from.offset
            for row in 0..<part.to.rows.count { values[part.to.rows.tensorRow(of: row)] = read[part.from.rows.tensorRow(of: row)] + offset }
        }
        try append(values, rowLength: values.count, like: parts[0], from: checkpoint, to: writer)
    }

    /// Converts values `[rows, rowLength]` to the new type.
    private func append(
        _ values: [Float], rowLength: Int, like part: Part, from checkpoint: any Checkpoint, to writer: any CheckpointWriter
    ) throws(InputError) {
        let buffers = Buffers(floats: rowLength, out: plan.dtype.byteCount(elements: rowLength)!)
        let converter = RowConverter(part.entry, columns: rowLength, of: checkpoint, to: plan.dtype)
        for row in 0..<values.count / rowLength {
            _ = buffers.floats.update(fromContentsOf: values[row * rowLength..<(row + 1) * rowLength])
            try converter.encode(row: row, buffers.floats, into: buffers.out)
            try writer.append(UnsafeRawBufferPointer(buffers.out))
        }
    }

    // MARK: Matrices

    /// By way of f32, all at once: only small models have transposed weights.
    private func writeTransposed(_ parts: [Part], from checkpoint: any Checkpoint, to writer: any CheckpointWriter) throws(InputError) {
        var values = [Float](repeating: 0, count: plan.shape.reduce(1, *))
        for part in parts {
            let read = try checkpoint.vector(part.entry), total = part.to.rows.total
            for row in 0..<part.to.rows.count {
                let from = part.from.rows.tensorRow(of: row), to = part.to.rows.tensorRow(of: row)
                for column in 0..<part.columns {
                    let source = part.from.isTransposed ? column * part.from.rows.total + from : from * part.columns + column
                    values[part.to.isTransposed ? column * total + to : to * part.columns + column] = read[source]
                }
            }
        }
        try append(values, rowLength: plan.shape.last!, like: parts[0], from: checkpoint, to: writer)
    }

    /// Bytes that are read or written at once, more or less.
    private static let chunkByteCount = 4 << 20

    private func writeRows(
        _ parts: [Part], from checkpoint: any Checkpoint, to writer: any CheckpointWriter, on backend: CPUBackend
    ) throws(InputError) {
        let columns = plan.shape.last!, rows = plan.shape.dropLast().reduce(1, *), rowBytes = plan.dtype.byteCount(elements: columns)!
        let step = min(max(1, Self.chunkByteCount / rowBytes), rows)
        let buffers = Buffers(floats: 0, out: step * rowBytes)
        for first in stride(from: 0, to: rows, by: step) {
            let count = min(step, rows - first)
            let out = UnsafeMutableRawBufferPointer(rebasing: buffers.out[..<(count * rowBytes)])
            let failure = FirstFailure()
            backend.parallel((count + 15) / 16) { task, thread in
                let range = task * 16..<min(task * 16 + 16, count)
                failure.catching { () throws(InputError) in
                    try transfer(
                        parts, rows: first + range.lowerBound..<first + range.upperBound, from: checkpoint, on: backend, thread: thread,
                        into: UnsafeMutableRawBufferPointer(rebasing: out[range.lowerBound * rowBytes..<range.upperBound * rowBytes]))
                }
            }
            try failure.check()
            try writer.append(UnsafeRawBufferPointer(out))
        }
    }

    /// Reads rows of the new tensor where they lie, those that lie together at once, and converts them.
    private func transfer(
        _ parts: [Part], rows: Range<Int>, from checkpoint: any Checkpoint, on backend: CPUBackend, thread: Int,
        into out: UnsafeMutableRawBufferPointer
    ) throws(InputError) {
        let columns = plan.shape.last!, rowBytes = out.count / rows.count
        func origin(_ row: Int) -> (part: Int, row: Int) {
            for (index, part) in parts.enumerated() {
                if let own = part.to.rows.row(at: row) { return (index, part.from.rows.tensorRow(of: own)) }
            }
            preconditionFailure("row \(row) of \(plan.name) comes from nowhere")
        }
        var done = rows.lowerBound
        while done < rows.upperBound {
            let start = origin(done), entry = parts[start.part].entry
            var end = done + 1
            while end < rows.upperBound, origin(end) == (start.part, start.row + end - done) { end += 1 }
            let sourceBytes = entry.dtype.byteCount(elements: columns)!, count = end - done
            let target = UnsafeMutableRawBufferPointer(
                rebasing: out[(done - rows.lowerBound) * rowBytes..<(end - rows.lowerBound) * rowBytes])
            if entry.dtype == plan.dtype {
                try checkpoint.read(entry, from: start.row * sourceBytes, into: target)
            } else {
                let scratch = backend.scratch(thread: thread, byteCount: columns * 4 + count * sourceBytes)
                let floats = UnsafeMutableBufferPointer(start: scratch.baseAddress!.assumingMemoryBound(to: Float.self), count: columns)
                let source = UnsafeMutableRawBufferPointer(rebasing: scratch[(columns * 4)..<(columns * 4 + count * sourceBytes)])
                try checkpoint.read(entry, from: start.row * sourceBytes, into: source)
                let converter = RowConverter(entry, columns: columns, of: checkpoint, to: plan.dtype)
                for row in 0..<count {
                    try converter.convert(
                        row: start.row + row, UnsafeRawBufferPointer(rebasing: source[row * sourceBytes..<(row + 1) * sourceBytes]),
                        floats: floats, into: UnsafeMutableRawBufferPointer(rebasing: target[row * rowBytes..<(row + 1) * rowBytes]))
                }
            }
            done = end
        }
    }

    /// Scratch memory of one tensor.
    private final class Buffers {
        let floats: UnsafeMutableBufferPointer<Float>
        let out: UnsafeMutableRawBufferPointer

        init(floats: Int, out: Int) {
            self.floats = .allocate(capacity: floats)
            self.out = .allocate(byteCount: out, alignment: 64)
        }

        deinit {
            floats.deallocate()
            out.deallocate()
        }
    }
}
