import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import ApusTensor
import CApusKernels
import Synchronization

/// Reads weights and packs them for the kernels, all threads at work, a few hundred kilobytes at a time: no more memory is taken
/// than the packed weights need.
struct ModelLoader {
    let source: ModelSource
    let backend: CPUBackend
    /// The type dense weights are kept in; nil: as in the file.
    let dtype: DType?

    /// One matrix on its way from the file into its panels.
    private struct Job {
        let entry: TensorEntry
        let matrix: PackedMatrix
        /// Rows of heads of this size lie interleaved in the file.
        let interleavedHeadSize: Int?
    }

    func load() throws(InputError) -> Decoder {
        let (matrices, jobs) = try layOut()
        try run(jobs)
        func linear(_ name: String) throws(InputError) -> Linear {
            Linear(matrices[name + ".weight"]!, bias: try hasParameter(name + ".bias") ? vector(name + ".bias") : nil)
        }
        let description = source.description
        func norm(_ name: String) throws(InputError) -> RMSNorm {
            switch description.norm {
            case .rms(let epsilon): RMSNorm(weight: try vector(name + ".weight"), epsilon: epsilon)
            }
        }
        let interleaved =
            switch description.position {
            case .rotary(let rotary): rotary.style == .interleaved
            }
        var blocks: [DecoderBlock] = []
        for (index, layer) in description.layers.enumerated() {
            let prefix = "layers.\(index)."
            let a = layer.attention
            let attention = Attention(
                query: try linear(prefix + "attention.query"), key: try linear(prefix + "attention.key"),
                value: try linear(prefix + "attention.value"), output: try linear(prefix + "attention.output"),
                queryNorm: a.queryKeyNorm ? try norm(prefix + "attention.queryNorm") : nil,
                keyNorm: a.queryKeyNorm ? try norm(prefix + "attention.keyNorm") : nil, headSize: a.headSize, window: a.window,
                interleavedRotary: interleaved)
            let feedForward = GatedFeedForward(
                gate: try linear(prefix + "feedForward.gate"), up: try linear(prefix + "feedForward.up"),
                down: try linear(prefix + "feedForward.down"), activation: layer.feedForward.gatedBy == .silu ? .silu : .geluTanh)
            blocks.append(
                DecoderBlock(
                    attentionNorm: try norm(prefix + "attentionNorm"), attention: attention,
                    feedForwardNorm: try norm(prefix + "feedForwardNorm"), feedForward: feedForward))
        }
        let embedding = matrices["embedding.weight"]!
        return Decoder(
            description: description, backend: backend, embedding: embedding, blocks: blocks, norm: try norm("norm"),
            head: Linear(description.tiedHead ? embedding : matrices["head.weight"]!))
    }

    private func hasParameter(_ name: String) -> Bool { source.parameters.contains { $0.canonical == name } }

    /// The type a matrix is kept in.
    private func storedType(_ entry: TensorEntry) -> DType { dtype ?? entry.dtype }

    /// One piece of memory for all matrices, each at a multiple of 64 bytes.
    private func layOut() throws(InputError) -> ([String: PackedMatrix], [Job]) {
        let parameters = source.parameters.filter { $0.shape.count == 2 }
        var offsets: [Int] = []
        var total = 0
        for (name, shape) in parameters {
            let entry = try source.entry(name)
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
        for (index, (name, shape)) in parameters.enumerated() {
            let entry = try source.entry(name), type = storedType(entry)
            let bytes = PackedMatrix.byteCount(type, rows: shape[0], columns: shape[1])!
            let matrix = PackedMatrix(
                type, rows: shape[0], columns: shape[1], storage: Storage(part: storage, at: offsets[index], byteCount: bytes))
            matrices[name] = matrix
            let turned = source.interleavedHeads && (name.hasSuffix("attention.query.weight") || name.hasSuffix("attention.key.weight"))
            let layer = source.description.layers[0].attention
            jobs.append(Job(entry: entry, matrix: matrix, interleavedHeadSize: turned ? layer.headSize : nil))
        }
        return (matrices, jobs)
    }

    /// A vector parameter in f32. Interleaved heads turn biases of queries and keys as they do rows.
    private func vector(_ name: String) throws(InputError) -> Storage {
        let entry = try source.entry(name)
        let count = entry.elementCount
        guard let storage = backend.allocate(byteCount: count * 4) else { throw InputError(source.path, "no memory for \(entry.name)") }
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.byteCount, alignment: 64)
        defer { raw.deallocate() }
        try source.checkpoint.read(entry, from: 0, into: raw)
        let turned = source.interleavedHeads && (name.hasSuffix("attention.query.bias") || name.hasSuffix("attention.key.bias"))
        guard turned else {
            apus_dequantize(entry.dtype.kernelNumber, raw.baseAddress!, storage.floats, count)
            return storage
        }
        let values = UnsafeMutablePointer<Float>.allocate(capacity: count)
        defer { values.deallocate() }
        apus_dequantize(entry.dtype.kernelNumber, raw.baseAddress!, values, count)
        let headSize = source.description.layers[0].attention.headSize
        for row in 0..<count { storage.floats[row] = values[RowOrder.toHalfSplit(headSize: headSize).source(of: row)] }
        return storage
    }

    // MARK: Packing

    private func run(_ jobs: [Job]) throws(InputError) {
        struct Task { let job: Int, panels: Range<Int> }
        var tasks: [Task] = []
        for (index, job) in jobs.enumerated() {
            let panels = job.matrix.panelCount
            let rowBytes = job.entry.byteCount / job.matrix.rows
            var step = max(1, (256 << 10) / (rowBytes * PackedMatrix.rowsAPanel))
            // Whole heads at a time where their rows change places.
            if let size = job.interleavedHeadSize { step = size % 16 == 0 ? max(step / (size / 16), 1) * (size / 16) : panels }
            for first in stride(from: 0, to: panels, by: step) { tasks.append(Task(job: index, panels: first..<min(first + step, panels))) }
        }
        let failure = Mutex<InputError?>(nil)
        let list = tasks
        backend.parallel(list.count) { index, thread in
            do throws(InputError) {
                try pack(jobs[list[index].job], panels: list[index].panels, thread: thread)
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func pack(_ job: Job, panels: Range<Int>, thread: Int) throws(InputError) {
        let matrix = job.matrix, size = PackedMatrix.rowsAPanel
        let rows = panels.lowerBound * size..<min(panels.upperBound * size, matrix.rows)
        let sourceBytes = job.entry.byteCount / matrix.rows
        let converts = matrix.dtype != job.entry.dtype
        let targetBytes = matrix.dtype.byteCount(elements: matrix.columns)!
        let readBytes = (rows.count * sourceBytes + 63) / 64 * 64
        let convertedBytes = converts ? (rows.count * targetBytes + 63) / 64 * 64 : 0
        let scratch = backend.scratch(thread: thread, byteCount: readBytes + convertedBytes + matrix.columns * 4)
        try source.checkpoint.read(
            job.entry, from: rows.lowerBound * sourceBytes, into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<(rows.count * sourceBytes)]))
        var start = UnsafeRawPointer(scratch.baseAddress!), rowBytes = sourceBytes
        if converts {
            let out = scratch.baseAddress! + readBytes
            let floats = UnsafeMutableBufferPointer(
                start: (out + convertedBytes).assumingMemoryBound(to: Float.self), count: matrix.columns)
            let converter = RowConverter(job.entry, of: source.checkpoint, to: matrix.dtype)
            for row in 0..<rows.count {
                try converter.convert(
                    row: rows.lowerBound + row, UnsafeRawBufferPointer(start: start + row * sourceBytes, count: sourceBytes), floats: floats,
                    into: UnsafeMutableRawBufferPointer(start: out + row * targetBytes, count: targetBytes))
            }
            start = UnsafeRawPointer(out)
            rowBytes = targetBytes
        }
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        var pointers = [UnsafePointer<UInt8>?](repeating: nil, count: size)
        for panel in panels {
            for lane in 0..<size {
                let row = panel * size + lane
                let inFile = row < matrix.rows ? (job.interleavedHeadSize.map { RowOrder.toHalfSplit(headSize: $0).source(of: row) } ?? row) : nil
                pointers[lane] = inFile.map { bytes + ($0 - rows.lowerBound) * rowBytes }
            }
            matrix.pack(panel: panel, rows: pointers)
        }
    }
}
