import CApusKernels

extension CPUBackend: TrainingBackend {
    package func multiply(_ a: Operand, _ b: Operand, in type: DType, bias: Storage?, into out: Rows, adds: Bool) {
        precondition(a.columns == b.columns && out.count == a.rows && out.width == b.rows)
        precondition(bias.map { $0.byteCount >= b.rows * 4 } ?? true)
        apus_gemm(
            kernels, pool, type.kernelNumber, Int64(a.rows), Int64(b.rows), Int64(a.columns), a.descriptor, b.descriptor,
            bias.map { UnsafePointer($0.floats) }, out.start, out.stride, adds)
    }

    package func keep(_ rows: Rows, in out: KeptRows) {
        precondition(out.count == rows.count && out.width == rows.width)
        apus_save_rows(
            kernels, pool, rows.start, rows.stride, Int64(rows.count), Int64(rows.width), out.dtype.kernelNumber, out.start, out.stride)
    }

    package func restore(_ kept: KeptRows, into out: Rows) {
        precondition(out.count == kept.count && out.width == kept.width)
        apus_load_rows(kernels, pool, kept.descriptor, Int64(kept.count), Int64(kept.width), out.start, out.stride)
    }

    package func fill(_ rows: Rows, with value: Float) {
        let step = 1 << 16, parts = (rows.width + step - 1) / step
        parallel(rows.count * parts) { task, _ in
            let first = task % parts * step
            (rows[task / parts].baseAddress! + first).update(repeating: value, count: min(step, rows.width - first))
        }
    }

    package func drop(_ rows: Rows, sequences: [Range<Int>], _ dropout: Dropout) {
        for (index, sequence) in sequences.enumerated() {
            let part = rows.rows(sequence)
            var descriptor = dropout.descriptor(index)
            apus_drop_rows(kernels, pool, &descriptor, part.start, part.stride, Int64(part.count), Int64(part.width))
        }
    }

    package func rmsNormBackward(
        _ x: KeptRows, weight: Storage, epsilon: Float, gradient: Rows, into out: Rows, adds: Bool, weightGradient: Storage?
    ) {
        check(x, gradient, out)
        apus_rms_norm_backward(
            kernels, pool, x.descriptor, weight.floats, epsilon, gradient.start, gradient.stride, Int64(x.count), Int64(x.width), out.start,
            out.stride, adds, weightGradient?.floats)
    }

    package func layerNormBackward(
        _ x: KeptRows, weight: Storage, epsilon: Float, gradient: Rows, into out: Rows, adds: Bool, weightGradient: Storage?,
        biasGradient: Storage?
    ) {
        check(x, gradient, out)
        apus_layer_norm_backward(
            kernels, pool, x.descriptor, weight.floats, epsilon, gradient.start, gradient.stride, Int64(x.count), Int64(x.width), out.start,
            out.stride, adds, weightGradient?.floats, biasGradient?.floats)
    }

    package func gatedBackward(_ activation: Activation, gate: KeptRows, up: KeptRows, gradient: Rows, intoGate: Rows, intoUp: Rows) {
        check(gate, gradient, intoGate)
        check(up, gradient, intoUp)
        apus_gated_backward(
            kernels, pool, activation.kernelNumber, gate.descriptor, up.descriptor, gradient.start, gradient.stride, Int64(gate.count),
            Int64(gate.width), intoGate.start, intoGate.stride, intoUp.start, intoUp.stride)
    }

    package func plainBackward(_ activation: Activation, _ x: KeptRows, gradient: Rows, into out: Rows) {
        check(x, gradient, out)
        apus_plain_backward(
            kernels, pool, activation.kernelNumber, x.descriptor, gradient.start, gradient.stride, Int64(x.count), Int64(x.width), out.start,
            out.stride)
    }

    package func softCapBackward(_ result: KeptRows, cap: Float, gradient: Rows, into out: Rows) {
        check(result, gradient, out)
        apus_soft_cap_backward(
            kernels, pool, result.descriptor, cap, gradient.start, gradient.stride, Int64(result.count), Int64(result.width), out.start,
            out.stride)
    }

    private func check(_ kept: KeptRows, _ gradient: Rows, _ out: Rows) {
        precondition(gradient.count == kept.count && gradient.width == kept.width && out.count == kept.count && out.width == kept.width)
    }

    package func addColumnSums(_ rows: Rows, to out: Storage) {
        precondition(out.byteCount >= rows.width * 4)
        apus_add_column_sums(kernels, pool, rows.start, rows.stride, Int64(rows.count), Int64(rows.width), out.floats)
    }

    package func embedBackward(_ ids: [Int32], _ rows: Rows, to gradient: Storage) {
        precondition(ids.count == rows.count && ids.allSatisfy { (Int($0) + 1) * rows.width * 4 <= gradient.byteCount })
        apus_embed_backward(kernels, pool, ids, rows.start, rows.stride, Int64(rows.count), Int64(rows.width), gradient.floats)
    }

    package func crossEntropy(
        _ logits: Rows, targets: [Int32], _ options: CrossEntropyOptions, losses: UnsafeMutablePointer<Float>,
        logSums: UnsafeMutablePointer<Float>?
    ) {
        precondition(targets.count == logits.count && targets.allSatisfy { Int($0) < logits.width })
        targets.withUnsafeBufferPointer { targets in
            var job = apus_cross_entropy(
                logits: logits.start, stride: logits.stride, rows: Int64(logits.count), vocabulary: Int64(logits.width),
                targets: targets.baseAddress, soft_cap: options.softCap ?? 0, label_smoothing: options.labelSmoothing, z_loss: options.zLoss,
                gradient_scale: options.gradientScale, losses: losses, log_sums: logSums)
            apus_cross_entropy_rows(kernels, pool, &job)
        }
    }
}

extension Operand {
    var descriptor: apus_operand {
        apus_operand(
            data: UnsafeRawPointer(storage.bytes.baseAddress!) + offset * (dtype == .f32 ? 4 : 2), dtype: dtype.kernelNumber, row_stride: rowStride,
            column_stride: columnStride)
    }
}

extension KeptRows {
    /// The first element. The caller keeps the storage alive.
    var start: UnsafeMutableRawPointer { storage.bytes.baseAddress! + offset * (dtype == .f32 ? 4 : 2) }

    var descriptor: apus_saved { apus_saved(data: start, dtype: dtype.kernelNumber, stride: stride) }
}
