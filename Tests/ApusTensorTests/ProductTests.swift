import Testing

@testable import ApusTensor

/// Products of packed matrices: every instruction set against the scalar kernels, and rows alone against rows together.
@Suite struct ProductTests {
    static let types: [DType] = [.f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_k, .q3_k, .q4_k, .q5_k, .q6_k]
    static let sets = InstructionSet.allCases.filter(\.isSupported)

    /// A product of `rows` rows with a matrix of 53 rows, so that the last panel is not full.
    private func product(_ type: DType, _ set: InstructionSet, rows: Range<Int>, threads: Int = 2) throws -> [Float] {
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
        let out = Rows(try #require(Storage(byteCount: rows.count * outputs * 4)), count: rows.count, width: outputs)
        for row in 0..<rows.count { for column in 0..<outputs { out[row][column] = Float(rows.lowerBound + row) } }
        backend.linear(input.rows(rows), [Product(matrix, out: out, adds: true)])
        return (0..<rows.count).flatMap { Array(out[$0]) }
    }

    @Test(arguments: types, sets) func agreesWithScalar(type: DType, set: InstructionSet) throws {
        let expected = try product(type, .scalar, rows: 0..<31), actual = try product(type, set, rows: 0..<31)
        let size = expected.map(abs).max()!
        for (a, b) in zip(expected, actual) { #expect(abs(a - b) <= 1e-5 * size) }
    }

    @Test(arguments: types, sets) func rowsDoNotDependOnTheBatch(type: DType, set: InstructionSet) throws {
        let together = try product(type, set, rows: 0..<31)
        for row in [0, 5, 11, 12, 23, 30] {
            #expect(try product(type, set, rows: row..<row + 1, threads: 1) == Array(together[row * 53..<(row + 1) * 53]))
        }
    }
}
