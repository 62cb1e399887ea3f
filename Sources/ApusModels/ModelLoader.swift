import ApusBase
import ApusCheckpoints
import ApusTensor

/// Reads weights and packs them for the kernels, all threads at work, a few hundred kilobytes at a time: no more memory is taken
/// than the packed weights need.
struct ModelLoader {
    let source: ModelSource
    let backend: CPUBackend
    /// The type dense weights are kept in; nil: as in the file.
    let dtype: DType?

    /// One matrix on its way from the file into its panels.
    struct Job {
        let entry: TensorEntry
        let matrix: PackedMatrix
        let place: ParameterPlace
    }

    /// The modules' parts, ready to be put together.
    func load() throws(InputError) -> DecoderAssembly {
        let (matrices, jobs) = try layOut()
        try run(jobs)
        return DecoderAssembly(backend: backend, path: source.path, description: source.description, matrices: matrices) {
            (name, increment) throws(InputError) in try vector(name, adding: increment)
        }
    }

    /// The type a matrix is kept in.
    private func storedType(_ entry: TensorEntry) -> DType { dtype ?? entry.dtype }

    /// One piece of memory for all matrices, each at a multiple of 64 bytes.
    private func layOut() throws(InputError) -> ([String: PackedMatrix], [Job]) {
        let parameters = source.description.parameters.filter { $0.shape.count == 2 }
        var offsets: [Int] = []
        var total = 0
        for parameter in parameters {
            let entry = try source.entry(parameter.name), shape = parameter.shape
            guard let bytes = PackedMatrix.byteCount(storedType(entry), rows: shape[0], columns: shape[1]) else {
                throw InputError(source.path, at: "tensor \(entry.name)", "\(shape) of \(storedType(entry)) cannot be packed")
            }
            offsets.append(total)
            total += (bytes + 63) / 64 * 64
        }
        guard let storage = backend.allocate(byteCount: total) else {
            throw InputError(source.path, "its weights need \(total) bytes of memory, which the system does not have")
        }
        var matrices: [String: PackedMatrix] = [:]
        var jobs: [Job] = []
        for (index, parameter) in parameters.enumerated() {
            let entry = try source.entry(parameter.name), type = storedType(entry), shape = parameter.shape
            let bytes = PackedMatrix.byteCount(type, rows: shape[0], columns: shape[1])!
            let matrix = PackedMatrix(
                type, rows: shape[0], columns: shape[1], storage: Storage(part: storage, at: offsets[index], byteCount: bytes))
            matrices[parameter.name] = matrix
            jobs.append(Job(entry: entry, matrix: matrix, place: source.places[parameter.name]!))
        }
        return (matrices, jobs)
    }

    /// A vector parameter in f32, `increment` added to each of its numbers.
    private func vector(_ name: String, adding increment: Float) throws(InputError) -> Storage {
        let values = try source.vector(name, adding: increment)
        guard let storage = backend.allocate(byteCount: values.count * 4) else { throw InputError(source.path, "no memory for \(name)") }
        for (index, value) in values.enumerated() { storage.floats[index] = value }
        return storage
    }

    // MARK: Packing

    func run(_ jobs: [Job]) throws(InputError) {
        struct Task { let job: Int, panels: Range<Int> }
        var tasks: [Task] = []
        for (index, job) in jobs.enumerated() {
            let panels = job.matrix.panelCount
            let rowBytes = job.matrix.columns * job.entry.dtype.blockByteCount / job.entry.dtype.blockSize
            var step = max(1, (256 << 10) / (rowBytes * PackedMatrix.rowsAPanel))
            // Whole heads at a time where their rows change places.
            let size = job.place.rows.order.groupSize
            if size > 1 { step = size % 16 == 0 ? max(step / (size / 16), 1) * (size / 16) : panels }
            // A transposed tensor is read as a whole.
            if job.place.isTransposed { step = panels }
            for first in stride(from: 0, to: panels, by: step) { tasks.append(Task(job: index, panels: first..<min(first + step, panels))) }
        }
        let failure = FirstFailure(), list = tasks
        backend.parallel(list.count) { index, thread in
            failure.catching { () throws(InputError) in try pack(jobs[list[index].job], panels: list[index].panels, thread: thread) }
        }
        try failure.check()
    }

    private func pack(_ job: Job, panels: Range<Int>, thread: Int) throws(InputError) {
        let matrix = job.matrix, size = PackedMatrix.rowsAPanel, map = job.place.rows
        let rows = panels.lowerBound * size..<min(panels.upperBound * size, matrix.rows)
        let sourceBytes = job.entry.dtype.byteCount(elements: matrix.columns)!
        let converts = matrix.dtype != job.entry.dtype
        let targetBytes = matrix.dtype.byteCount(elements: matrix.columns)!
        let readBytes = (rows.count * sourceBytes + 63) / 64 * 64
        let convertedBytes = converts ? (rows.count * targetBytes + 63) / 64 * 64 : 0
        let wholeBytes = job.place.isTransposed ? job.entry.byteCount : 0
        let scratch = backend.scratch(thread: thread, byteCount: readBytes + convertedBytes + matrix.columns * 4 + wholeBytes)
        let read = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(rows.count * sourceBytes)])
        if job.place.isTransposed {
            let whole = UnsafeMutableRawBufferPointer(rebasing: scratch[(scratch.count - wholeBytes)...])
            try source.checkpoint.readTransposed(job.entry, map, slots: rows, columns: matrix.columns, whole: whole, into: read)
        } else {
            try source.checkpoint.readRows(job.entry, map, slots: rows, rowByteCount: sourceBytes, into: read)
        }
        var start = UnsafeRawPointer(scratch.baseAddress!), rowBytes = sourceBytes
        if converts {
            let out = scratch.baseAddress! + readBytes
            let floats = UnsafeMutableBufferPointer(
                start: (out + convertedBytes).assumingMemoryBound(to: Float.self), count: matrix.columns)
            let converter = RowConverter(job.entry, columns: matrix.columns, of: source.checkpoint, to: matrix.dtype)
            for (index, slot) in rows.enumerated() {
                try converter.convert(
                    row: map.tensorRow(ofSlot: slot), UnsafeRawBufferPointer(start: start + index * sourceBytes, count: sourceBytes),
                    floats: floats, into: UnsafeMutableRawBufferPointer(start: out + index * targetBytes, count: targetBytes))
            }
            start = UnsafeRawPointer(out)
            rowBytes = targetBytes
        }
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        var pointers = [UnsafePointer<UInt8>?](repeating: nil, count: size)
        for panel in panels {
            for lane in 0..<size {
                let row = panel * size + lane
                pointers[lane] = row < matrix.rows ? bytes + (map.slot(of: row) - rows.lowerBound) * rowBytes : nil
            }
            matrix.pack(panel: panel, rows: pointers)
        }
    }
}
