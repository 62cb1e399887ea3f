import CApusKernels

/// The instruction sets that kernels exist for.
public enum InstructionSet: String, CaseIterable, Sendable {
    /// Plain C; x86-64 with AVX2, with AVX-512 and VNNI, and with bf16 products as well; AArch64; AVX-512 and the matrix unit AMX.
    case scalar, avx2, avx512, avx512bf16, neon, amx

    fileprivate var kernels: OpaquePointer? {
        let number: apus_isa =
            switch self {
            case .scalar: APUS_ISA_SCALAR
            case .avx2: APUS_ISA_AVX2
            case .avx512: APUS_ISA_AVX512
            case .avx512bf16: APUS_ISA_AVX512BF16
            case .neon: APUS_ISA_NEON
            case .amx: APUS_ISA_AMX
            }
        return apus_kernels_for(Int32(number.rawValue))
    }

    /// Whether this processor (and build) has it.
    public var isSupported: Bool { kernels != nil }
}

/// The processor: C kernels over a pool of threads. Calls run to their end before they return; one caller at a time.
public final class CPUBackend: Backend, @unchecked Sendable {
    /// Threads that share the work of a call, the caller's included, as asked for.
    public let threadCount: Int
    let kernels: OpaquePointer
    let pool: OpaquePointer

    /// The best instruction set unless one is given; nil when the processor lacks it or threads cannot be started.
    public init?(threads: Int, instructionSet: InstructionSet? = nil) {
        guard let kernels = instructionSet.map(\.kernels) ?? apus_kernels_best(), let pool = apus_pool_create(Int32(threads)) else {
            return nil
        }
        self.kernels = kernels
        self.pool = pool
        threadCount = threads
    }

    deinit { apus_pool_destroy(pool) }

    /// The instruction set whose kernels run, as `InstructionSet` spells it.
    public var instructionSetName: String { String(cString: apus_kernels_name(kernels)) }

    package var attendsInBF16: Bool { apus_kernels_multiply_bf16(kernels) }

    package func allocate(byteCount: Int) -> Storage? { Storage(byteCount: byteCount) }
    package func synchronize() {}

    /// Runs `body` for 0 ..< tasks on the threads; its second argument is the thread's number.
    package func parallel(_ tasks: Int, _ body: (Int, Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var box = TaskBox(body: body)
            withUnsafeMutablePointer(to: &box) { box in
                apus_pool_run(
                    pool, Int64(tasks),
                    { context, task, thread in
                        context!.assumingMemoryBound(to: TaskBox.self).pointee.body(Int(task), Int(thread))
                    }, box)
            }
        }
    }

    private struct TaskBox { let body: (Int, Int) -> Void }

    /// Scratch memory of a thread inside `parallel`.
    package func scratch(thread: Int, byteCount: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: apus_pool_scratch(pool, Int32(thread), byteCount), count: byteCount)
    }

    // MARK: Operations

    package func linear(_ input: Rows, _ products: [Product], _ precision: ActivationPrecision) {
        if products[0].matrix.isTrained {
            for p in products { multiply(Operand(input), Operand(p.matrix), in: .f32, bias: p.bias, into: p.out, adds: p.adds) }
            return
        }
        withUnsafeTemporaryAllocation(of: apus_matrix.self, capacity: products.count) { matrices in
            withUnsafeTemporaryAllocation(of: apus_product.self, capacity: products.count) { list in
                for (i, product) in products.enumerated() {
                    precondition(product.matrix.columns == input.width && product.out.width == product.matrix.rows)
                    precondition(product.out.count == input.count)
                    matrices.initializeElement(at: i, to: product.matrix.descriptor)
                    list.initializeElement(
                        at: i,
                        to: apus_product(
                            weights: matrices.baseAddress! + i, bias: product.bias.map { UnsafePointer($0.floats) },
                            out: product.out.start, out_stride: product.out.stride, add: product.adds))
                }
                apus_linear(
                    kernels, pool, input.start, input.stride, Int64(input.count), precision == .fine, list.baseAddress!, Int32(products.count))
            }
        }
    }

    package func embed(_ ids: [Int32], _ matrix: PackedMatrix, into out: Rows) {
        precondition(ids.count == out.count && out.width == matrix.columns)
        for (i, id) in ids.enumerated() { matrix.unpack(row: Int(id), into: out[i].baseAddress!) }
    }

    package func rmsNorm(_ input: Rows, weight: Storage, epsilon: Float, into out: Rows) {
        precondition(weight.byteCount >= input.width * 4 && out.width == input.width && out.count == input.count)
        apus_rms_norm(
            kernels, pool, input.start, input.stride, weight.floats, epsilon, Int64(input.count), Int64(input.width), out.start, out.stride)
    }

    package func layerNorm(_ input: Rows, weight: Storage, bias: Storage?, epsilon: Float, into out: Rows) {
        precondition(weight.byteCount >= input.width * 4 && out.width == input.width && out.count == input.count)
        precondition(bias.map { $0.byteCount >= input.width * 4 } ?? true)
        apus_layer_norm(
            kernels, pool, input.start, input.stride, weight.floats, bias.map { UnsafePointer($0.floats) }, epsilon, Int64(input.count),
            Int64(input.width), out.start, out.stride)
    }

    package func gated(_ activation: Activation, gate: Rows, up: Rows, into out: Rows) {
        precondition(gate.width == up.width && gate.width == out.width && gate.count == out.count && up.count == out.count)
        apus_gated(
            kernels, pool, activation.kernelNumber, gate.start, gate.stride, up.start, up.stride, Int64(out.count), Int64(out.width),
            out.start, out.stride)
    }

    package func plain(_ activation: Activation, _ x: Rows, into out: Rows) {
        precondition(x.width == out.width && x.count == out.count)
        apus_plain(
            kernels, pool, activation.kernelNumber, x.start, x.stride, Int64(out.count), Int64(out.width), out.start, out.stride)
    }

    package func scale(_ x: Rows, by factor: Float, adding other: Rows?, into out: Rows) {
        precondition(x.width == out.width && x.count == out.count && other.map { $0.width == x.width && $0.count == x.count } ?? true)
        apus_scale(
            kernels, pool, x.start, x.stride, factor, other.map { UnsafePointer($0.start) }, other?.stride ?? 0, Int64(out.count),
            Int64(out.width), out.start, out.stride)
    }

    package func softCap(_ x: Rows, cap: Float, into out: Rows) {
        precondition(x.width == out.width && x.count == out.count)
        apus_soft_cap(kernels, pool, x.start, x.stride, cap, Int64(out.count), Int64(out.width), out.start, out.stride)
    }

    package func rotary(_ x: Rows, headSize: Int, first: Int, cosines: Rows, sines: Rows, interleaved: Bool) {
        precondition(first + cosines.width * 2 <= headSize && cosines.count == x.count && cosines.stride == cosines.width)
        apus_rotary(
            kernels, pool, x.start + first, x.stride, cosines.start, sines.start, Int64(x.count), Int32(x.width / headSize), Int32(headSize),
            Int32(cosines.width), interleaved)
    }

    package func makeCache(_ shape: AttentionShape, positions: Int) -> LayerCache? {
        let capacity = (positions + 63) / 64 * 64
        func bytes(_ values: Bool) -> Int {
            apus_kv_bytes(shape.cacheType.kernelNumber, Int32(shape.kvHeads), Int32(shape.headSize), Int64(capacity), values)
        }
        guard let keys = allocate(byteCount: bytes(false)), let values = allocate(byteCount: bytes(true)) else { return nil }
        return LayerCache(keys: keys, values: values, capacity: capacity)
    }

    package func copyCache(_ shape: AttentionShape, from source: LayerCache, to target: LayerCache, positions: Range<Int>) {
        precondition(source.capacity == target.capacity && positions.upperBound <= source.capacity)
        // Keys lie as panels of 16 positions; rows of values are whole too then.
        let first = positions.lowerBound / 16 * 16, end = (positions.upperBound + 15) / 16 * 16
        for (from, to, isValues) in [(source.keys, target.keys, false), (source.values, target.values, true)] {
            let headBytes = apus_kv_bytes(shape.cacheType.kernelNumber, 1, Int32(shape.headSize), Int64(source.capacity), isValues)
            let positionBytes = headBytes / source.capacity
            for head in 0..<shape.kvHeads {
                let offset = head * headBytes + first * positionBytes
                (to.address + offset).copyMemory(from: from.address + offset, byteCount: (end - first) * positionBytes)
            }
        }
    }

    package func attend(
        _ shape: AttentionShape, queries: Rows, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache],
        bias: ScoreBias?, into out: Rows
    ) {
        withAttention(shape, segments, caches, AttentionRows(queries: queries, keys: keys, values: values, out: out), bias) { call in
            apus_kv_store(pool, &call)
            apus_attend(kernels, pool, &call)
        }
    }

    package func store(_ shape: AttentionShape, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache]) {
        withAttention(shape, segments, caches, AttentionRows(keys: keys, values: values), nil) { apus_kv_store(pool, &$0) }
    }

    package func attendStored(
        _ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], bias: ScoreBias?, into out: Rows
    ) {
        withAttention(shape, segments, caches, AttentionRows(queries: queries, out: out), bias) { apus_attend(kernels, pool, &$0) }
    }

    package func attendAcross(_ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], into out: Rows) {
        precondition(shape.seesPrefix && shape.window == nil && zip(segments, caches).allSatisfy { 1...$1.capacity ~= $0.prefix })
        // Queries that stand before all keys see nothing but the prefix.
        let before = segments.map { Segment(rows: $0.rows, position: -$0.rows.count, prefix: $0.prefix) }
        attendStored(shape, queries: queries, segments: before, caches: caches, bias: nil, into: out)
    }

    /// What a call has of these.
    private struct AttentionRows { var queries, keys, values, out: Rows? }

    private func withAttention(
        _ shape: AttentionShape, _ segments: [Segment], _ caches: [LayerCache], _ rows: AttentionRows, _ bias: ScoreBias?,
        _ body: (inout apus_attention) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: apus_segment.self, capacity: segments.count) { list in
            for (i, segment) in segments.enumerated() {
                let cache = caches[i]
                let first = segment.rows.lowerBound, end = segment.position + segment.rows.count
                let prefix = shape.seesPrefix ? segment.prefix : 0
                // What is stored already may reach beyond the queries.
                precondition(end <= cache.capacity && prefix <= (rows.keys == nil ? cache.capacity : end))
                func start(_ rows: Rows?) -> UnsafeMutablePointer<Float>? { rows.map { $0.start + first * $0.stride } }
                list.initializeElement(
                    at: i,
                    to: apus_segment(
                        queries: start(rows.queries), query_stride: rows.queries?.stride ?? 0, out: start(rows.out),
                        out_stride: rows.out?.stride ?? 0, new_keys: start(rows.keys), new_values: start(rows.values),
                        new_key_stride: rows.keys?.stride ?? 0, new_value_stride: rows.values?.stride ?? 0,
                        keys: cache.keys.address, values: cache.values.address, capacity: Int64(cache.capacity),
                        tokens: Int64(segment.rows.count), position: Int64(segment.position), prefix: Int64(prefix), log_sums: nil))
            }
            var call = apus_attention(shape, bias)
            (call.segments, call.segment_count) = (UnsafePointer(list.baseAddress!), Int32(segments.count))
            body(&call)
        }
    }

    // MARK: Reductions

    /// log Σ exp of a row.
    package func logSumExp(_ row: UnsafeMutableBufferPointer<Float>) -> Float {
        apus_log_sum_exp(kernels, row.baseAddress!, Int64(row.count))
    }

    /// The index of a row's greatest element; the first when several are equal.
    package func argmax(_ row: UnsafeMutableBufferPointer<Float>) -> Int { Int(apus_argmax(kernels, row.baseAddress!, Int64(row.count))) }
}

extension Activation {
    /// The activation's number in the C kernels.
    var kernelNumber: Int32 {
        let number: apus_activation =
            switch self {
            case .silu: APUS_SILU
            case .geluTanh: APUS_GELU_TANH
            case .geluErf: APUS_GELU_ERF
            case .relu: APUS_RELU
            }
        return Int32(number.rawValue)
    }
}
