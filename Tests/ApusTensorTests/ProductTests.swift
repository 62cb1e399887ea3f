import Testing

@testable import ApusTensor

/// Products of packed matrices: every instruction set against the scalar kernels, and rows alone against rows together.
@Suite struct ProductTests {
    static let types: [DType] = [.f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_k, .q3_k, .q4_k, .q5_k, .q6_k]
    static let sets = InstructionSet.allCases.filter(\.isSupported)

    /// A product of `rows` rows with a matrix of 53 rows, so that the last panel is not full; without a precision, of the weights in f32. `first`
    /// replaces the first 32 activations of the first row.
    private func product(
        _ type: DType, _ set: InstructionSet, rows: Range<Int>, _ precision: ActivationPrecision?, threads: Int = 2, first: Float? = nil
    ) throws -> [Float] {
        let backend = try #require(CPUBackend(threads: threads, instructionSet: set))
        let outputs = 53, columns = type.isQuantized ? max(type.blockSize, 32) * 3 : 2307  // more than a chunk of dense columns
        var numbers = Numbers()
        // Activations that bf16 holds, so that kernels which round them to bf16 compute the same.
        func bfloat(_ x: Float) -> Float { Float(bitPattern: x.bitPattern & 0xffff_0000) }
        let bytes = type.byteCount(elements: columns)!
        var weights = [UInt8](repeating: 0, count: outputs * bytes)
        for row in 0..<outputs {
            let values = numbers.list(columns)
            try weights.withUnsafeMutableBytes { raw in
                try values.withUnsafeBufferPointer {
                    try BlockCodec.quantize(type, $0, into: UnsafeMutableRawBufferPointer(rebasing: raw[row * bytes..<(row + 1) * bytes]))
                }
            }
        }
        let size = try #require(PackedMatrix.byteCount(type, rows: outputs, columns: columns))
        let matrix = PackedMatrix(type, rows: outputs, columns: columns, storage: try #require(Storage(byteCount: size)))
        weights.withUnsafeBufferPointer { all in
            for panel in 0..<matrix.panelCount {
                matrix.pack(
                    panel: panel,
                    rows: (0..<16).map { lane in
                        let row = panel * 16 + lane
                        return row < outputs ? all.baseAddress! + row * bytes : nil
                    })
            }
        }
        let input = Rows(try #require(Storage(byteCount: 31 * columns * 4)), count: 31, width: columns)
        for row in 0..<31 { for column in 0..<columns { input[row][column] = bfloat(numbers.next()) } }
        if let first { for column in 0..<32 { input[0][column] = first } }
        let out = Rows(try #require(Storage(byteCount: rows.count * outputs * 4)), count: rows.count, width: outputs)
        for row in 0..<rows.count { for column in 0..<outputs { out[row][column] = Float(rows.lowerBound + row) } }
        guard let precision else {
            var weight = [Float](repeating: 0, count: columns)
            for output in 0..<outputs {
                weight.withUnsafeMutableBufferPointer { matrix.unpack(row: output, into: $0.baseAddress!) }
                for row in 0..<rows.count { out[row][output] += zip(weight, input[rows.lowerBound + row]).reduce(0) { $0 + $1.0 * $1.1 } }
            }
            return (0..<rows.count).flatMap { Array(out[$0]) }
        }
        backend.linear(input.rows(rows), [Product(matrix, out: out, adds: true)], precision)
        return (0..<rows.count).flatMap { Array(out[$0]) }
    }

    private func precisions(_ type: DType) -> [ActivationPrecision] { type == .f32 ? [.fine] : [.coarse, .fine] }

    /// Whether a matrix unit rounds weights and activations to bf16 where other kernels round activations to 8 bits.
    private func roundsWeights(_ type: DType, _ set: InstructionSet, _ precision: ActivationPrecision) -> Bool {
        set == .amx && precision == .coarse && type.isQuantized
    }

    /// Whether coarse activations meet dense weights as they are.
    private func roundsNothing(_ type: DType, _ set: InstructionSet) -> Bool {
        set == .neon || type == .bf16 && [.avx512bf16, .amx].contains(set)
    }

    @Test(arguments: types, sets) func agreesWithScalar(type: DType, set: InstructionSet) throws {
        for precision in precisions(type) {
            let rounds = roundsWeights(type, set, precision), tolerance: Float = rounds ? 2e-3 : 1e-5
            let exact = !type.isQuantized && roundsNothing(type, set)
            let expected = try product(type, .scalar, rows: 0..<31, rounds ? nil : exact ? .fine : precision)
            let actual = try product(type, set, rows: 0..<31, precision), size = expected.map(abs).max()!
            for (a, b) in zip(expected, actual) { #expect(abs(a - b) <= tolerance * size) }
        }
    }

    @Test(arguments: types, sets) func rowsDoNotDependOnTheBatch(type: DType, set: InstructionSet) throws {
        for precision in precisions(type) {
            let together = try product(type, set, rows: 0..<31, precision)
            for row in [0, 5, 11, 12, 23, 30] {
                #expect(try product(type, set, rows: row..<row + 1, precision, threads: 1) == Array(together[row * 53..<(row + 1) * 53]))
            }
        }
    }

    /// Rounding to 16 bits changes little; rounding to 8 bits does.
    @Test(arguments: types.filter { $0.isQuantized && $0 != .q8_0 }) func finePrecisionIsAsGoodAsNoRounding(type: DType) throws {
        let exact = try product(type, .scalar, rows: 0..<31, nil), size = exact.map(abs).max()!
        func error(_ precision: ActivationPrecision) throws -> Float {
            zip(exact, try product(type, .scalar, rows: 0..<31, precision)).map { abs($0 - $1) }.max()! / size
        }
        #expect(try error(.fine) < 2e-5)
        #expect(try error(.coarse) > 1e-4)
    }

    /// Rounding f16 and bf16 weights and their activations to 14 bits changes less than rounding the activations to f16 (2e-4 on such numbers).
    @Test(arguments: [DType.f16, .bf16]) func coarsePrecisionOfDenseWeightsIsFine(type: DType) throws {
        let exact = try product(type, .scalar, rows: 0..<31, nil), rounded = try product(type, .scalar, rows: 0..<31, .coarse)
        let error = zip(exact, rounded).map { abs($0 - $1) }.max()!, size = exact.map(abs).max()!
        #expect(error > 0 && error < 2e-4 * size)
    }

    /// A block of activations so small that their inverse overflows counts as zeros; one that is not finite is NaN in its own row alone.
    @Test(arguments: [DType.f16, .bf16], sets) func extremeActivationsStayInTheirRow(type: DType, set: InstructionSet) throws {
        let plain = try product(type, set, rows: 0..<31, .coarse, first: 0)
        #expect(zip(plain, try product(type, set, rows: 0..<31, .coarse, first: 1e-37)).allSatisfy { abs($0 - $1) <= 1e-4 })
        for extreme in [Float.infinity, .nan] {
            let actual = try product(type, set, rows: 0..<31, .coarse, first: extreme)
            #expect(actual[..<53].allSatisfy { !$0.isFinite } && actual[53...] == plain[53...])
        }
    }

    /// Weights of 8 bits are not worth more than activations of 8 bits, in a batch or alone.
    @Test(arguments: sets.filter { $0 != .amx }) func weightsOf8BitsMeetCoarseActivations(set: InstructionSet) throws {
        #expect(try product(.q8_0, set, rows: 0..<31, .fine) == product(.q8_0, set, rows: 0..<31, .coarse))
    }
}
