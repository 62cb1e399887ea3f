import Testing

@testable import ApusTensor

/// Attention on every instruction set: against double precision, and against itself in other pieces, batches and threads.
@Suite struct AttentionTests {
    static let sets = ProductTests.sets
    static let types: [DType] = [.f32, .f16, .bf16]
    static let sizes = [1, 20, 33, 64, 80, 128]
    /// Query and key/value heads: one a head, groups, all in one group.
    static let groups = [(3, 3), (6, 2), (5, 1)]

    /// The set that multiplies bf16 also rounds queries and weights to it.
    private func tolerance(_ set: InstructionSet, _ type: DType) -> Double { set == .avx512bf16 && type == .bf16 ? 0.02 : 1e-5 }

    private func agrees(_ attention: AttentionCase) throws {
        let expected = try attention.expected()
        for set in Self.sets {
            for (actual, expected) in zip(try attention.outputs(set), expected) {
                #expect(difference(actual, expected) <= tolerance(set, attention.type), "\(set) \(attention)")
            }
        }
    }

    @Test(arguments: sizes, groups) func agreesWithDoublePrecision(headSize: Int, group: (Int, Int)) throws {
        for type in Self.types { try agrees(AttentionCase(heads: group.0, kvHeads: group.1, headSize: headSize, type: type)) }
    }

    @Test(arguments: [1, 2, 37, 63, 64, 65, 130, 500], types) func agreesInAWindow(window: Int, type: DType) throws {
        try agrees(AttentionCase(window: window, type: type))
    }

    /// Lengths around the ends of tiles and of caches.
    @Test(arguments: types) func agreesAtTheEdgesOfTiles(type: DType) throws {
        try agrees(AttentionCase(heads: 2, kvHeads: 1, headSize: 20, type: type, lengths: [15, 16, 63, 64, 65, 127, 128, 129, 192]))
    }

    /// Scores of ± 100 000, which whole numbers give exactly: all weight falls on one key or on equal ones.
    @Test(arguments: types) func agreesOnExtremeScores(type: DType) throws {
        try agrees(AttentionCase(headSize: 64, type: type, size: 180))
    }

    /// A key whose score is -∞ weighs nothing, even when it fills the first tile.
    @Test(arguments: sets, [0..<1, 3..<40, 0..<64, 0..<70]) func ignoresScoresOfMinusInfinity(set: InstructionSet, hidden: Range<Int>) throws {
        let shape = AttentionShape(heads: 1, kvHeads: 1, headSize: 16, scale: 1, window: nil, cacheType: .f32), count = 80
        let backend = try #require(CPUBackend(threads: 1, instructionSet: set)), cache = try #require(backend.makeCache(shape, positions: count))
        func rows(_ value: (Int) -> Float) -> Rows { Rows((0..<count * 16).map { value($0 / 16) }, width: 16) }
        let out = rows { _ in 0 }
        backend.attend(
            shape, queries: rows { _ in 1e30 }, keys: rows { hidden.contains($0) ? -1e30 : 0 }, values: rows { hidden.contains($0) ? 9 : 3 },
            segments: [Segment(rows: 0..<count, position: 0)], caches: [cache], into: out)
        #expect(out.rows(hidden.upperBound..<count).values.allSatisfy { $0 == 3 })
    }

    @Test(arguments: sets, types) func piecesDoNotChangeResults(set: InstructionSet, type: DType) throws {
        let alone = (0..<131).map { _ in [1] }, pieces = [[5], [1], [58], [1], [3], [60], [3]]
        for (heads, kvHeads, headSize, window) in [(6, 2, 33, nil), (8, 1, 64, 50), (2, 2, 20, 64), (9, 3, 80, nil)] as [(Int, Int, Int, Int?)] {
            let attention = AttentionCase(heads: heads, kvHeads: kvHeads, headSize: headSize, window: window, type: type, lengths: [131])
            let whole = try attention.outputs(set)
            #expect(try attention.outputs(set, steps: pieces) == whole, "\(attention)")
            #expect(try attention.outputs(set, steps: alone) == whole, "\(attention)")
        }
    }

    @Test(arguments: sets, types) func batchesAndThreadsDoNotChangeResults(set: InstructionSet, type: DType) throws {
        let attention = AttentionCase(window: 70, type: type), whole = try attention.outputs(set)
        for threads in [1, 3] { #expect(try attention.outputs(set, threads: threads) == whole) }
        // One sequence a call; then the last tokens of all together, as in decoding.
        let single = attention.lengths.indices.map { s in attention.lengths.indices.map { $0 == s ? attention.lengths[s] : 0 } }
        #expect(try attention.outputs(set, steps: single) == whole)
        #expect(try attention.outputs(set, steps: [attention.lengths.map { $0 - 1 }, attention.lengths.map { _ in 1 }]) == whole)
    }
}
