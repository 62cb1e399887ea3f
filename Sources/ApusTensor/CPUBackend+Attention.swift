import CApusKernels

extension CPUBackend {
    package func attendWhole(
        _ shape: AttentionShape, queries: KeptRows, keys: KeptRows, values: KeptRows, spans: [AttentionSpan], bias: ScoreBias?, dropout: Dropout?,
        in type: DType, into out: Rows, logSums: Rows
    ) {
        check(shape, queries, keys, values, spans)
        precondition(out.count == queries.count && out.width == queries.width)
        precondition(logSums.count == queries.count && logSums.width == shape.heads && logSums.stride == shape.heads)
        let list = spans.enumerated().map { index, span in
            let q = queries.rows(span.queries), k = keys.rows(span.keys), v = values.rows(span.keys)
            return apus_sequence(
                queries: q.start, keys: k.start, values: v.start, dtype: queries.dtype.kernelNumber, query_stride: q.stride, key_stride: k.stride,
                value_stride: v.stride, out: out.rows(span.queries).start, out_stride: out.stride, log_sums: logSums.rows(span.queries).start,
                queries_count: Int64(q.count), keys_count: Int64(k.count), prefix: Int64(span.prefix), dropout: dropout?.descriptor(index) ?? apus_dropout())
        }
        var call = apus_attention(shape, bias)
        apus_attend_training(kernels, pool, productNumber(type), &call, list, Int32(list.count))
    }

    package func attendBackward(
        _ shape: AttentionShape, queries: KeptRows, keys: KeptRows, values: KeptRows, out: KeptRows, logSums: Rows, gradient: Rows,
        spans: [AttentionSpan], bias: ScoreBias?, dropout: Dropout?, in type: DType, queryGradient: Rows, keyGradient: Rows,
        valueGradient: Rows, distanceGradient: Storage?
    ) {
        check(shape, queries, keys, values, spans)
        precondition(logSums.stride == shape.heads && out.count == queries.count && gradient.count == queries.count)
        precondition(queryGradient.count == queries.count && keyGradient.count == keys.count && valueGradient.count == values.count)
        let list = spans.enumerated().map { index, span in
            let q = queries.rows(span.queries), k = keys.rows(span.keys), v = values.rows(span.keys)
            return apus_attended(
                queries: q.start, keys: k.start, values: v.start, out: out.rows(span.queries).start, dtype: queries.dtype.kernelNumber,
                query_stride: q.stride, key_stride: k.stride, value_stride: v.stride, out_stride: out.stride,
                log_sums: logSums.rows(span.queries).start, out_gradient: gradient.rows(span.queries).start, out_gradient_stride: gradient.stride,
                query_gradient: queryGradient.rows(span.queries).start, key_gradient: keyGradient.rows(span.keys).start,
                value_gradient: valueGradient.rows(span.keys).start, query_gradient_stride: queryGradient.stride,
                key_gradient_stride: keyGradient.stride, value_gradient_stride: valueGradient.stride, queries_count: Int64(q.count),
                keys_count: Int64(k.count), prefix: Int64(span.prefix), dropout: dropout?.descriptor(index) ?? apus_dropout())
        }
        var call = apus_attention(shape, bias)
        apus_attend_backward(kernels, pool, productNumber(type), &call, list, Int32(list.count), distanceGradient?.floats)
    }

    /// Attention multiplies f16 as f32.
    private func productNumber(_ type: DType) -> Int32 { (type == .bf16 ? DType.bf16 : .f32).kernelNumber }

    private func check(_ shape: AttentionShape, _ queries: KeptRows, _ keys: KeptRows, _ values: KeptRows, _ spans: [AttentionSpan]) {
        precondition(queries.width == shape.heads * shape.headSize && keys.width == shape.kvHeads * shape.headSize && values.width == keys.width)
        precondition(queries.dtype == keys.dtype && keys.dtype == values.dtype && keys.count == values.count)
        precondition(spans.allSatisfy { $0.prefix <= $0.keys.count })
    }
}

extension apus_attention {
    /// The shape and the bias; the segments are left out.
    init(_ shape: AttentionShape, _ bias: ScoreBias?) {
        self.init()
        (heads, kv_heads, head_size) = (Int32(shape.heads), Int32(shape.kvHeads), Int32(shape.headSize))
        (kv_dtype, scale, soft_cap) = (shape.cacheType.kernelNumber, shape.scale, shape.softCap ?? 0)
        window = Int64(shape.window ?? 0)
        switch bias {
        case nil: break
        case .slopes(let slopes, let inBF16): (self.slopes, slopes_in_bf16) = (UnsafePointer(slopes.floats), inBF16)
        case .distances(let distances, let reach):
            precondition(distances.byteCount >= ScoreBias.distanceByteCount(heads: shape.heads, reach: reach))
            (self.distances, self.reach) = (UnsafePointer(distances.floats), Int64(reach))
        }
    }
}
