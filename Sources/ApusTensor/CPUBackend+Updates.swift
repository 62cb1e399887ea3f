import CApusKernels

extension CPUBackend: UpdateBackend {
    package func sumOfSquares(_ x: Rows) -> Double { apus_sum_of_squares(kernels, pool, x.start, elements(x)) }

    package func adamW(_ update: WeightUpdate, weights: Rows, gradients: Rows, first: Rows, second: Rows) {
        let count = elements(weights, gradients, first, second)
        apus_adamw(kernels, pool, update.descriptor, weights.start, gradients.start, first.start, second.start, count)
    }

    package func lion(_ update: WeightUpdate, weights: Rows, gradients: Rows, momentum: Rows) {
        apus_lion(
            kernels, pool, update.descriptor, weights.start, gradients.start, momentum.start, elements(weights, gradients, momentum))
    }

    package func sgd(_ update: WeightUpdate, nesterov: Bool, weights: Rows, gradients: Rows, momentum: Rows?) {
        let count = elements(weights, gradients, momentum ?? weights)
        apus_sgd(kernels, pool, update.descriptor, nesterov, weights.start, gradients.start, momentum?.start, count)
    }

    package func move(_ weights: Rows, along direction: Rows, _ update: WeightUpdate) {
        apus_apply_update(kernels, pool, update.descriptor, weights.start, direction.start, elements(weights, direction))
    }

    package func meanSquares(_ x: Rows, scale: Float, ofRows: Rows, ofColumns: Rows) {
        precondition(x.stride == x.width && ofRows.width == x.count && ofColumns.width == x.width)
        apus_mean_squares(kernels, pool, x.start, scale, Int64(x.count), Int64(x.width), ofRows.start, ofColumns.start)
    }

    package func scale(_ x: Rows, byRows rows: Rows, andColumns columns: Rows) -> Double {
        precondition(x.stride == x.width && rows.width == x.count && columns.width == x.width)
        return apus_scale_by_factors(kernels, pool, rows.start, columns.start, Int64(x.count), Int64(x.width), x.start)
    }

    package func orthogonalize(_ x: Rows, in type: DType, scratch: Rows) -> Rows {
        let isWide = x.count <= x.width, side = min(x.count, x.width), size = x.count * x.width
        var now = x, next = Rows(scratch.storage, offset: scratch.offset, count: x.count, width: x.width)
        let gram = Rows(scratch.storage, offset: scratch.offset + size, count: side, width: side)
        let polynomial = Rows(scratch.storage, offset: scratch.offset + size + side * side, count: side, width: side)
        precondition(x.stride == x.width && scratch.count == 1 && scratch.width >= size + 2 * side * side)
        scale(x, by: Float(1 / max(sumOfSquares(x).squareRoot(), 1e-7)), adding: nil, into: x)
        func multiply(_ a: apus_operand, _ b: apus_operand, _ depth: Int, _ out: Rows, adds: Bool = false) {
            apus_gemm(
                kernels, pool, type.kernelNumber, Int64(out.count), Int64(out.width), Int64(depth), a, b, nil, out.start, out.stride, adds)
        }
        for _ in 0..<5 {
            // With the gram matrix G of the shorter side, X becomes aX + (bG + cG²)X.
            let short = operand(now, transposed: !isWide)
            multiply(short, short, max(x.count, x.width), gram)
            multiply(operand(gram), operand(gram), side, polynomial)
            scale(polynomial, by: 2.0315, adding: nil, into: polynomial)
            scale(gram, by: -4.7750, adding: polynomial, into: polynomial)
            scale(now, by: 3.4445, adding: nil, into: next)
            if isWide {
                multiply(operand(polynomial), operand(now, transposed: true), side, next, adds: true)
            } else {
                multiply(operand(now), operand(polynomial), side, next, adds: true)
            }
            swap(&now, &next)
        }
        return now
    }

    private func operand(_ x: Rows, transposed: Bool = false) -> apus_operand {
        apus_operand(
            data: x.start, dtype: DType.f32.kernelNumber, row_stride: transposed ? 1 : x.stride, column_stride: transposed ? x.stride : 1)
    }

    /// Elements of each of these arrays.
    private func elements(_ arrays: Rows...) -> Int64 {
        let count = arrays[0].count * arrays[0].width
        precondition(arrays.allSatisfy { $0.stride == $0.width && $0.count * $0.width == count })
        return Int64(count)
    }
}

extension WeightUpdate {
    fileprivate var descriptor: apus_update {
        apus_update(
            learning_rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: weightDecay, gradient_scale: gradientScale,
            step: Int64(step))
    }
}
