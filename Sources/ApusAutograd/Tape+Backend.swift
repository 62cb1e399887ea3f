import ApusTensor

extension Tape: Backend, @unchecked Sendable {
    package var attendsInBF16: Bool { base.attendsInBF16 }
    package func allocate(byteCount: Int) -> Storage? { base.allocate(byteCount: byteCount) }
    package func synchronize() { base.synchronize() }

    package func linear(_ input: Rows, _ products: [Product], _ precision: ActivationPrecision) {
        perform { LinearOperation(self, input, products) }
    }

    package func embed(_ ids: [Int32], _ matrix: PackedMatrix, into out: Rows) {
        perform { EmbedOperation(self, ids, matrix, into: out) }
    }

    package func rmsNorm(_ input: Rows, weight: Storage, epsilon: Float, into out: Rows) {
        perform { NormOperation(self, .rms, input, weight: weight, bias: nil, epsilon: epsilon, into: out) }
    }

    package func layerNorm(_ input: Rows, weight: Storage, bias: Storage?, epsilon: Float, into out: Rows) {
        perform { NormOperation(self, .layer, input, weight: weight, bias: bias, epsilon: epsilon, into: out) }
    }

    package func gated(_ activation: Activation, gate: Rows, up: Rows, into out: Rows) {
        perform { GatedOperation(self, activation, gate: gate, up: up, into: out) }
    }

    package func plain(_ activation: Activation, _ x: Rows, into out: Rows) {
        perform { PlainOperation(self, activation, x, into: out) }
    }

    package func scale(_ x: Rows, by factor: Float, adding other: Rows?, into out: Rows) {
        perform { ScaleOperation(self, x, by: factor, adding: other, into: out) }
    }

    package func softCap(_ x: Rows, cap: Float, into out: Rows) {
        perform { SoftCapOperation(self, x, cap: cap, into: out) }
    }

    package func rotary(_ x: Rows, headSize: Int, first: Int, cosines: Rows, sines: Rows, interleaved: Bool) {
        perform { RotaryOperation(self, x, headSize: headSize, first: first, cosines: cosines, sines: sines, interleaved: interleaved) }
    }

    /// A mark of a text whose keys and values the tape keeps: it holds none itself.
    package func makeCache(_ shape: AttentionShape, positions: Int) -> LayerCache? {
        guard let mark = base.allocate(byteCount: 64) else { return nil }
        return LayerCache(keys: mark, values: mark, capacity: positions)
    }

    package func copyCache(_ shape: AttentionShape, from source: LayerCache, to target: LayerCache, positions: Range<Int>) {
        preconditionFailure("a tape keeps no caches")
    }

    package func attend(
        _ shape: AttentionShape, queries: Rows, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache], bias: ScoreBias?,
        into out: Rows
    ) {
        perform {
            AttendOperation(self, shape, queries: queries, keys: keys, values: values, segments: segments, bias: bias, into: out)
        }
    }

    package func store(_ shape: AttentionShape, keys: Rows, values: Rows, segments: [Segment], caches: [LayerCache]) {
        for (segment, cache) in zip(segments, caches) {
            let operation = StoreOperation(self, keys: keys.rows(segment.rows), values: values.rows(segment.rows))
            if isRecording { operations.append(operation) }
            memories[ObjectIdentifier(cache.keys)] = operation
        }
    }

    package func attendStored(
        _ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], bias: ScoreBias?, into out: Rows
    ) {
        preconditionFailure("sequences are trained whole: nothing is stored before they are attended to")
    }

    package func attendAcross(_ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], into out: Rows) {
        perform { AcrossOperation(self, shape, queries: queries, segments: segments, caches: caches, into: out) }
    }
}
