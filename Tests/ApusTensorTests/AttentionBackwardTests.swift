import CApusKernels
import Glibc
import Testing

@testable import ApusTensor

/// Attention of whole sequences and its gradients against PyTorch's autograd (`Tests/Goldens/make_attention_gradients.py`), for each mask
/// and bias on every instruction set, and against itself in batches and on other threads.
@Suite struct AttentionBackwardTests {
    static let sets = ProductTests.sets
    static let slopes: [Float] = [0.5, 0.25, 0.125, 0.3535156]

    /// A mask and bias, as the script has them.
    struct Case: Sendable, CustomStringConvertible {
        var description: String
        var window = 0, prefix = 0, cap: Float = 0, slopes = false, rounded = false, keys = 101
        var reach: Int?
        var dropout: Float = 0
    }
    static let cases = [
        Case(description: "causal"), Case(description: "window", window: 37), Case(description: "prefix", prefix: 60),
        Case(description: "full", prefix: 101), Case(description: "cap", cap: 1.5), Case(description: "slopes", slopes: true),
        Case(description: "rounded_slopes", slopes: true, rounded: true), Case(description: "distances", reach: 20),
        Case(description: "across", prefix: 133, keys: 133), Case(description: "dropout", dropout: 0.3),
        Case(description: "dropout_window", window: 37, cap: 1.5, dropout: 0.1),
        Case(description: "dropout_across", prefix: 133, keys: 133, dropout: 0.5),
    ]
    static let heads = 4, kvHeads = 2, size = 20, tokens = 101

    /// What a call wrote: outputs and log-sums, and the gradients of queries, keys, values and distances.
    struct Results: Equatable {
        var out, logSums, queries, keys, values, distances: [Float]
        var all: [[Float]] { [out, logSums, queries, keys, values, distances] }

        init(keys keyCount: Int, reach: Int?) {
            out = [Float](repeating: 7, count: tokens * heads * size)
            logSums = [Float](repeating: 7, count: tokens * heads)
            queries = out
            keys = [Float](repeating: 7, count: keyCount * kvHeads * size)
            values = keys
            distances = [Float](repeating: 0, count: reach.map { heads * (2 * $0 + 31) } ?? 0)
        }
    }

    /// `copies` equal sequences in one call; the results of each, but the distances' gradient of all together in the first.
    private func results(_ c: Case, _ set: InstructionSet, compute: DType = .f32, threads: Int = 2, copies: Int = 1) throws -> [Results] {
        func numbers(_ seed: UInt64, _ count: Int, times factor: Float = 1) -> [Float] {
            var source = Numbers(seed: seed)
            return source.list(count, times: factor)
        }
        let backend = try #require(CPUBackend(threads: threads, instructionSet: set))
        let query = Self.heads * Self.size, key = Self.kvHeads * Self.size, number = compute.kernelNumber
        let queries = Rows(numbers(1, Self.tokens * query, times: 2), width: query), keys = Rows(numbers(2, c.keys * key, times: 2), width: key)
        let values = Rows(numbers(3, c.keys * key), width: key), gradient = Rows(numbers(4, Self.tokens * query), width: query, gap: 1)
        let table = c.reach.map { reach in
            let all = numbers(6, Self.heads * (2 * reach + 1))
            return Rows(
                (0..<Self.heads).flatMap { h in (-reach - 15...reach + 15).map { all[h * (2 * reach + 1) + reach + min(max($0, -reach), reach)] } }, width: 1)
        }
        let slopes = Rows(Self.slopes, width: 1)
        var shape = apus_attention()
        (shape.heads, shape.kv_heads, shape.head_size) = (Int32(Self.heads), Int32(Self.kvHeads), Int32(Self.size))
        (shape.scale, shape.window, shape.soft_cap) = (1 / Float(Self.size).squareRoot(), Int64(c.window), c.cap)
        (shape.slopes, shape.slopes_in_bf16) = (c.slopes ? UnsafePointer(slopes.start) : nil, c.rounded)
        (shape.distances, shape.reach) = (table.map { UnsafePointer($0.start) }, Int64(c.reach ?? 0))
        let dropout = Dropout(rate: c.dropout, site: 11, keys: [0x0123_4567_89AB_CDEF]).descriptor(0)
        let kept = (0..<copies).map { _ in Results(keys: c.keys, reach: c.reach) }
        let written = kept.map { results in results.all.map { Rows($0, width: 1) } }
        let sequences = written.map {
            apus_sequence(
                queries: queries.start, keys: keys.start, values: values.start, dtype: DType.f32.kernelNumber, query_stride: query, key_stride: key,
                value_stride: key, out: $0[0].start, out_stride: query, log_sums: $0[1].start, queries_count: Int64(Self.tokens),
                keys_count: Int64(c.keys), prefix: Int64(c.prefix), dropout: dropout)
        }
        apus_attend_training(backend.kernels, backend.pool, number, &shape, sequences, Int32(copies))
        let attended = written.map {
            apus_attended(
                queries: queries.start, keys: keys.start, values: values.start, out: $0[0].start, dtype: DType.f32.kernelNumber, query_stride: query,
                key_stride: key, value_stride: key, out_stride: query, log_sums: $0[1].start, out_gradient: gradient.start,
                out_gradient_stride: query + 1, query_gradient: $0[2].start, key_gradient: $0[3].start, value_gradient: $0[4].start,
                query_gradient_stride: query, key_gradient_stride: key, value_gradient_stride: key, queries_count: Int64(Self.tokens),
                keys_count: Int64(c.keys), prefix: Int64(c.prefix), dropout: dropout)
        }
        let distances = c.reach == nil ? nil : written[0][5].start
        apus_attend_backward(backend.kernels, backend.pool, number, &shape, attended, Int32(copies), distances)
        return zip(kept, written).map { results, written in
            var results = results
            (results.out, results.logSums, results.queries) = (written[0].values, written[1].values, written[2].values)
            (results.keys, results.values, results.distances) = (written[3].values, written[4].values, written[5].values)
            return results
        }
    }

    /// The products with the script's vector, as its files have them; distances without the repeated places.
    private func projected(_ results: Results, reach: Int?) -> [[Float]] {
        var source = Numbers(seed: 5)
        let vector = source.list(Self.size)
        func product(_ x: [Float]) -> [Float] {
            (0..<x.count / Self.size).map { row in Float((0..<Self.size).reduce(0.0) { $0 + Double(x[row * Self.size + $1]) * Double(vector[$1]) }) }
        }
        let width = 2 * (reach ?? 0) + 31, distances = results.distances.indices.filter { $0 % width >= 15 && $0 % width < width - 15 }
        return [product(results.out), results.logSums, product(results.queries), product(results.keys), product(results.values)]
            + (reach == nil ? [] : [distances.map { results.distances[$0] }])
    }

    private func golden(_ name: String, counts: [Int], file: String = #filePath) throws -> [[Double]] {
        let tests = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let handle = try #require(fopen("\(tests)/Goldens/attention/\(name).bin", "rb"))
        defer { fclose(handle) }
        return try counts.map { count in
            var values = [Float](repeating: 0, count: count)
            let done = values.withUnsafeMutableBytes { fread($0.baseAddress, 4, count, handle) }
            try #require(done == count)
            return values.map(Double.init)
        }
    }

    @Test(arguments: sets, cases) func agreesWithAutograd(set: InstructionSet, c: Case) throws {
        for compute in [DType.f32, .bf16] {
            let results = projected(try results(c, set, compute: compute)[0], reach: c.reach)
            for (i, expected) in try golden(c.description, counts: results.map(\.count)).enumerated() {
                #expect(difference(results[i], expected) <= (compute == .f32 ? 1e-5 : 0.02), "\(compute), result \(i)")
            }
        }
    }

    /// The repeated places of a table of distances get no gradient.
    @Test func leavesRepeatedDistances() throws {
        let width = 2 * 20 + 31, distances = try results(Self.cases[7], .scalar)[0].distances
        #expect(distances.indices.allSatisfy { $0 % width >= 15 && $0 % width < width - 15 || distances[$0] == 0 })
    }

    @Test(arguments: sets, cases) func batchesAndThreadsDoNotChangeResults(set: InstructionSet, c: Case) throws {
        for compute in [DType.f32, .bf16] {
            let whole = try results(c, set, compute: compute)
            for threads in [1, 3] { #expect(try results(c, set, compute: compute, threads: threads) == whole) }
            for var copy in try results(c, set, compute: compute, copies: 3) {
                copy.distances = whole[0].distances
                #expect(copy == whole[0])
            }
        }
    }
}
