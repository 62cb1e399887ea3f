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

    @Test(arguments: [0, 1, 16, 63, 64, 65, 100, 131], types) func agreesBehindAPrefix(prefix: Int, type: DType) throws {
        try agrees(AttentionCase(prefix: prefix, seesPrefix: true, type: type))
        try agrees(AttentionCase(prefix: prefix, type: type))
    }

    @Test(arguments: [0.5, 5, 50] as [Float], types) func agreesWithASoftCap(cap: Float, type: DType) throws {
        try agrees(AttentionCase(softCap: cap, type: type))
        try agrees(AttentionCase(window: 37, softCap: cap, type: type))
    }

    /// bf16 rounds positions above 256.
    @Test(arguments: [false, true], types) func agreesWithSlopes(inBF16: Bool, type: DType) throws {
        let slopes: [Float] = [0.5, 0.25, 0.125, 0.0625, 0.3535156, 0.001]
        try agrees(AttentionCase(slopes: slopes, slopesInBF16: inBF16, type: type, lengths: [131, 64, 1, 17]))
        try agrees(AttentionCase(heads: 6, kvHeads: 6, headSize: 16, slopes: slopes, slopesInBF16: inBF16, type: type, lengths: [700]))
    }

    /// Numbers by the distance of query and key, of tokens that see those before them, and of tokens that see all.
    @Test(arguments: [0, 1, 15, 16, 40, 200], types) func agreesWithDistances(reach: Int, type: DType) throws {
        let value: @Sendable (Int, Int) -> Float = { head, distance in Float((head * 31 + (distance + 500) * 17) % 23) / 8 - 1 }
        try agrees(AttentionCase(distances: value, reach: reach, type: type))
        try agrees(AttentionCase(heads: 3, kvHeads: 3, headSize: 20, prefix: 500, seesPrefix: true, distances: value, reach: reach, type: type))
    }

    /// Keys and values stored before, which all queries see, more of them or fewer.
    @Test(arguments: types) func agreesAcross(type: DType) throws {
        let attention = AttentionCase(seesPrefix: true, isAcross: true, type: type, lengths: [131, 64, 1, 17, 300])
        try agrees(attention)
        for set in Self.sets {
            let whole = try attention.outputs(set)
            #expect(try attention.outputs(set, threads: 1, steps: [[131, 1, 0, 0, 7], [0, 63, 1, 17, 293]]) == whole)
        }
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
            segments: [Segment(rows: 0..<count, position: 0)], caches: [cache], bias: nil, into: out)
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

    /// Chunks behind the prefix, which itself comes in one piece, do not change results; soft cap and slopes neither.
    @Test(arguments: sets, types) func piecesDoNotChangeBiasedResults(set: InstructionSet, type: DType) throws {
        for inBF16 in [false, true] {
            let attention = AttentionCase(
                softCap: 3, prefix: 30, seesPrefix: true, slopes: [0.5, 0.25, 0.1, 0.05, 0.7, 0.01], slopesInBF16: inBF16, type: type, lengths: [131])
            let whole = try attention.outputs(set)
            #expect(try attention.outputs(set, steps: [[35], [1], [58], [1], [36]]) == whole)
        }
        let attention = AttentionCase(distances: { Float(($0 + 3) * $1 % 7) / 4 }, reach: 30, type: type, lengths: [131])
        let whole = try attention.outputs(set)
        #expect(try attention.outputs(set, steps: [[35], [1], [58], [1], [36]]) == whole)
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
