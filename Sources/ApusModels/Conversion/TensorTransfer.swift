import ApusBase
import ApusCheckpoints
import ApusTensor
import Glibc
import Synchronization

/// One tensor on its way into a new file: its type there, and where its elements come from.
struct TensorTransfer {
    enum Content {
        case tensor(TensorEntry, RowOrder)
        /// f32.
        case values([Float])
    }

    let plan: TensorPlan
    let content: Content

    /// Copies or converts the elements, some megabytes at a time, on all threads.
    func write(from checkpoint: any Checkpoint, to writer: any CheckpointWriter, on backend: CPUBackend) throws(InputError) {
        switch content {
        case .values(let values): try append(values, to: writer)
        case .tensor(let entry, let order):
            if entry.elementCount == 0 { return }
            if entry.shape.count < 2 {
                try writeVector(entry, order, from: checkpoint, to: writer)
            } else {
                try writeRows(entry, order, from: checkpoint, to: writer, on: backend)
            }
        }
    }

    private func append(_ values: [Float], to writer: any CheckpointWriter) throws(InputError) {
        var failure: InputError?
        values.withUnsafeBytes { bytes in
            do throws(InputError) { try writer.append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: Vectors

    private func writeVector(
        _ entry: TensorEntry, _ order: RowOrder, from checkpoint: any Checkpoint, to writer: any CheckpointWriter
    ) throws(InputError) {
        let buffers = Buffers(source: entry.byteCount, converted: plan.byteCount, floats: entry.elementCount, out: plan.byteCount)
        try checkpoint.read(entry, from: 0, into: buffers.source)
        try RowConverter(entry, of: checkpoint, to: plan.dtype).convert(
            row: 0, UnsafeRawBufferPointer(buffers.source), floats: buffers.floats, into: buffers.converted)
        let size = plan.dtype.blockByteCount
        for index in 0..<entry.elementCount {
            memcpy(buffers.out.baseAddress! + index * size, buffers.converted.baseAddress! + order.source(of: index) * size, size)
        }
        try writer.append(UnsafeRawBufferPointer(buffers.out))
    }

    // MARK: Matrices

    /// Bytes that are read or written at once, more or less.
    private static let chunkByteCount = 4 << 20

    private func writeRows(
        _ entry: TensorEntry, _ order: RowOrder, from checkpoint: any Checkpoint, to writer: any CheckpointWriter, on backend: CPUBackend
    ) throws(InputError) {
        let converter = RowConverter(entry, of: checkpoint, to: plan.dtype)
        let rows = entry.elementCount / converter.columns
        let sourceBytes = converter.sourceByteCount, targetBytes = converter.targetByteCount
        let group = order.groupSize
        let step = min(max(1, Self.chunkByteCount / (max(sourceBytes, targetBytes) * group)) * group, rows)
        let buffers = Buffers(source: step * sourceBytes, converted: 0, floats: 0, out: step * targetBytes)
        for first in stride(from: 0, to: rows, by: step) {
            let count = min(step, rows - first)
            let source = UnsafeMutableRawBufferPointer(rebasing: buffers.source[..<(count * sourceBytes)])
            try checkpoint.read(entry, from: first * sourceBytes, into: source)
            let failure = Mutex<InputError?>(nil)
            let start = UnsafeRawPointer(source.baseAddress!), out = buffers.out.baseAddress!
            backend.parallel((count + 15) / 16) { task, thread in
                for row in task * 16..<min(task * 16 + 16, count) {
                    let from = order.source(of: row)
                    let to = out + row * targetBytes
                    if entry.dtype == plan.dtype {
                        memcpy(to, start + from * sourceBytes, sourceBytes)
                        continue
                    }
                    let scratch = backend.scratch(thread: thread, byteCount: converter.columns * 4)
                    do throws(InputError) {
                        try converter.convert(
                            row: first + from, UnsafeRawBufferPointer(start: start + from * sourceBytes, count: sourceBytes),
                            floats: UnsafeMutableBufferPointer(
                                start: scratch.baseAddress!.assumingMemoryBound(to: Float.self), count: converter.columns),
                            into: UnsafeMutableRawBufferPointer(start: to, count: targetBytes))
                    } catch {
                        failure.withLock { $0 = $0 ?? error }
                    }
                }
            }
            if let error = failure.withLock({ $0 }) { throw error }
            try writer.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffers.out)[..<(count * targetBytes)]))
        }
    }

    /// Scratch memory of one tensor.
    private final class Buffers {
        let source, converted, out: UnsafeMutableRawBufferPointer
        let floats: UnsafeMutableBufferPointer<Float>

        init(source: Int, converted: Int, floats: Int, out: Int) {
            func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer { .allocate(byteCount: count, alignment: 64) }
            self.source = allocate(source)
            self.converted = allocate(converted)
            self.out = allocate(out)
            self.floats = .allocate(capacity: floats)
        }

        deinit {
            source.deallocate()
            converted.deallocate()
            out.deallocate()
            floats.deallocate()
        }
    }
}
