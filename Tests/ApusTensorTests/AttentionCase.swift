import Glibc
import Testing

@testable import ApusTensor

/// Sequences of queries, keys and values, and what attention makes of them: by a backend, and plainly in double precision.
struct AttentionCase {
    var heads = 6, kvHeads = 2, headSize = 33
    var window: Int?
    var softCap: Float?
    /// Positions of each sequence that see each other in both directions; all when it is longer.
    var prefix = 0
    var seesPrefix = false
    var slopes: [Float]?
    var slopesInBF16 = false
    /// Of a head and a difference of positions: what is added to scaled scores, the difference held within the reach.
    var distances: (@Sendable (Int, Int) -> Float)?
    var reach = 0
    /// Whether all tokens of a sequence see all of it, stored before.
    var isAcross = false
    var type = DType.f32
    /// Of each sequence. 64 and 128 end where a tile of keys ends, and a cache too.
    var lengths = [131, 64, 1, 17]
    /// Factor of queries and keys; they are whole numbers if it is greater than 8.
    var size: Float = 2

    var rowWidth: Int { (heads + 2 * kvHeads) * headSize }
    var outWidth: Int { heads * headSize }
    var shape: AttentionShape {
        AttentionShape(
            heads: heads, kvHeads: kvHeads, headSize: headSize, scale: 1 / Float(headSize).squareRoot(), window: window, seesPrefix: seesPrefix,
            softCap: softCap, cacheType: type)
    }

    /// Queries, keys and values of a sequence, `[T, rowWidth]`.
    func rows(of sequence: Int) -> [Float] {
        var numbers = Numbers(seed: UInt64(sequence + 1))
        let scaled = (heads + kvHeads) * headSize
        return (0..<lengths[sequence] * rowWidth).map { i in
            let x = numbers.next()
            return i % rowWidth >= scaled ? x : size > 8 ? (x * size).rounded() : x * size
        }
    }

    /// The outputs of each sequence when its tokens come in pieces: `steps[i][s]` tokens of sequence s in call i.
    func outputs(_ set: InstructionSet, threads: Int = 2, steps: [[Int]]? = nil) throws -> [[Float]] {
        let backend = try #require(CPUBackend(threads: threads, instructionSet: set)), rows = lengths.indices.map(rows(of:))
        let caches = try lengths.map { try #require(backend.makeCache(shape, positions: $0)) }
        // An earlier sequence may have left anything: 7 in f16, 32768 in bf16, about that in f32.
        for storage in caches.flatMap({ [$0.keys, $0.values] }) {
            for i in storage.bytes.indices { storage.bytes[i] = i % 2 == 0 ? 0 : 0x47 }
        }
        if isAcross { fill(caches, rows, backend) }
        var outputs = [[Float]](repeating: [], count: lengths.count), done = [Int](repeating: 0, count: lengths.count)
        for step in steps ?? [lengths] {
            var batch: [Float] = [], segments: [Segment] = []
            let present = step.indices.filter { step[$0] > 0 }
            for s in present {
                let first = batch.count / rowWidth
                segments.append(Segment(rows: first..<first + step[s], position: done[s], prefix: isAcross ? lengths[s] : min(prefix, lengths[s])))
                batch += rows[s][done[s] * rowWidth..<(done[s] + step[s]) * rowWidth]
                done[s] += step[s]
            }
            let input = Rows(batch, width: rowWidth, gap: 3), keysFrom = outWidth, valuesFrom = outWidth + kvHeads * headSize
            let out = Rows([Float](repeating: 5, count: input.count * outWidth), width: outWidth, gap: 2)
            let queries = input.columns(0..<keysFrom), own = present.map { caches[$0] }
            if isAcross {
                backend.attendAcross(shape, queries: queries, segments: segments, caches: own, into: out)
            } else {
                backend.attend(
                    shape, queries: queries, keys: input.columns(keysFrom..<valuesFrom), values: input.columns(valuesFrom..<rowWidth),
                    segments: segments, caches: own, bias: try bias(backend), into: out)
            }
            #expect(out.gapsAreUntouched)
            for (segment, s) in zip(segments, present) { outputs[s] += out.rows(segment.rows).values }
        }
        return outputs
    }

    private func bias(_ backend: CPUBackend) throws -> ScoreBias? {
        if let distances { return try #require(ScoreBias.makeDistances(heads: heads, reach: reach, on: backend, distances)) }
        return slopes.map { .slopes(Rows($0, width: heads).storage, inBF16: slopesInBF16) }
    }

    /// Stores the keys and values of all sequences at once.
    private func fill(_ caches: [LayerCache], _ rows: [[Float]], _ backend: CPUBackend) {
        let all = Rows(rows.flatMap { $0 }, width: rowWidth, gap: 1), valuesFrom = outWidth + kvHeads * headSize
        var segments: [Segment] = []
        for length in lengths {
            let first = segments.last?.rows.upperBound ?? 0
            segments.append(Segment(rows: first..<first + length, position: 0))
        }
        backend.store(
            shape, keys: all.columns(outWidth..<valuesFrom), values: all.columns(valuesFrom..<rowWidth), segments: segments, caches: caches)
    }

    private func roundedToBF16(_ x: Double) -> Double {
        let bits = Float(x).bitPattern
        return Double(Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000))
    }

    private func biased(_ score: Double, head: Int, query: Int, key: Int) -> Double {
        var score = score
        if let softCap { score = Double(softCap) * tanh(score / Double(softCap)) }
        if let distances { score += Double(distances(head, min(max(key - query, -reach), reach))) }
        guard let slopes else { return score }
        let slope = Double(slopes[head])
        return score + (slopesInBF16 ? roundedToBF16(roundedToBF16(Double(key)) * slope) * Double(shape.scale) : slope * Double(key - query))
    }

    /// softmax(scale · Q Kᵀ) V over the keys that each query may see.
    func expected() throws -> [[Double]] { try lengths.indices.map(expected(of:)) }

    private func expected(of sequence: Int) throws -> [Double] {
        let rows = rows(of: sequence), cached = try rounded(rows, to: type), scale = Double(shape.scale)
        var out: [Double] = []
        for t in 0..<lengths[sequence] {
            let last = isAcross ? lengths[sequence] - 1 : seesPrefix ? max(t, min(prefix, lengths[sequence]) - 1) : t
            let seen: ClosedRange<Int> = max(0, t + 1 - (window ?? t + 1))...last
            for head in 0..<heads {
                let query = t * rowWidth + head * headSize, key = (heads + head / (heads / kvHeads)) * headSize
                let scores: [Double] = seen.map { s in
                    let product: Double = scale * (0..<headSize).reduce(0.0) { $0 + Double(rows[query + $1]) * Double(cached[s * rowWidth + key + $1]) }
                    return biased(product, head: head, query: t, key: s)
                }
                let greatest = scores.max()!, weights = scores.map { exp($0 - greatest) }, sum = weights.reduce(0, +)
                for d in 0..<headSize {
                    let value = key + kvHeads * headSize + d
                    out.append(zip(seen, weights).reduce(0.0) { $0 + $1.1 * Double(cached[$1.0 * rowWidth + value]) } / sum)
                }
            }
        }
        return out
    }
}
