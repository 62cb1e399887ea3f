import CApusKernels
import Testing

@testable import ApusTensor

/// Products of two matrices of any types and strides: every instruction set against sums in double precision.
@Suite struct GemmTests {
    static let sets = InstructionSet.allCases.filter(\.isSupported)
    static let types: [DType] = [.f32, .bf16, .f16]

    /// Shapes whose last tiles, panels and vectors are not full, and sums of more columns than one pass takes.
    static let shapes: [(m: Int, n: Int, k: Int)] = [(1, 1, 1), (3, 5, 1), (37, 20, 20), (20, 37, 33), (13, 100, 65), (100, 3, 129), (5, 7, 2501)]

    /// A matrix of rows × columns with a gap of two elements behind each contiguous row or column.
    private struct Matrix {
        var rows: Int, columns: Int, type: DType, transposed: Bool
        let storage: Storage
        let values: [Float]

        init(_ values: [Float], rows: Int, type: DType, transposed: Bool) throws {
            (self.rows, columns, self.type, self.transposed) = (rows, values.count / rows, type, transposed)
            self.values = try rounded(values, to: type)
            let width = transposed ? rows : columns, lines = transposed ? columns : rows
            var laid = [Float](repeating: .nan, count: lines * (width + 2))
            for row in 0..<rows {
                for column in 0..<columns {
                    laid[transposed ? column * (width + 2) + row : row * (width + 2) + column] = values[row * columns + column]
                }
            }
            let bytes = type.byteCount(elements: laid.count)!, storage = try #require(Storage(byteCount: bytes))
            switch type {
            case .f32: for (i, value) in laid.enumerated() { storage.floats[i] = value }
            case .bf16: apus_f32_to_bf16(laid, storage.address.assumingMemoryBound(to: UInt16.self), laid.count)
            default: apus_f32_to_f16(laid, storage.address.assumingMemoryBound(to: UInt16.self), laid.count)
            }
            self.storage = storage
        }

        func operand(from row: Int = 0) -> apus_operand {
            let stride = (transposed ? rows : columns) + 2
            let data = storage.address + row * (transposed ? 1 : stride) * (type == .f32 ? 4 : 2)
            return apus_operand(
                data: data, dtype: type.kernelNumber, row_stride: transposed ? 1 : stride, column_stride: transposed ? stride : 1)
        }
    }

    private func multiply(
        _ set: InstructionSet, _ compute: DType, _ a: Matrix, _ b: Matrix, rows: Range<Int>, bias: [Float]?, add: Bool, threads: Int = 2
    ) throws -> [Float] {
        let backend = try #require(CPUBackend(threads: threads, instructionSet: set))
        let out = Rows([Float](repeating: 3, count: rows.count * b.rows), width: b.rows, gap: 1)
        apus_gemm(
            backend.kernels, backend.pool, compute.kernelNumber, Int64(rows.count), Int64(b.rows), Int64(a.columns),
            a.operand(from: rows.lowerBound), b.operand(), bias, out.start, out.stride, add)
        #expect(out.gapsAreUntouched)
        return out.values
    }

    private func expected(_ compute: DType, _ a: Matrix, _ b: Matrix, bias: [Float]?, add: Bool) throws -> [Double] {
        let x = try rounded(a.values, to: compute), y = try rounded(b.values, to: compute)
        return (0..<a.rows * b.rows).map { i in
            let m = i / b.rows, n = i % b.rows
            let start = (add ? 3 : 0) + Double(bias?[n] ?? 0)
            return (0..<a.columns).reduce(start) { $0 + Double(x[m * a.columns + $1]) * Double(y[n * a.columns + $1]) }
        }
    }

    @Test(arguments: sets, types) func agreesWithDoublePrecision(set: InstructionSet, compute: DType) throws {
        var numbers = Numbers(), round = 0
        for shape in Self.shapes {
            let x = numbers.list(shape.m * shape.k), y = numbers.list(shape.n * shape.k)
            for type in Self.types {
                let a = try Matrix(x, rows: shape.m, type: type, transposed: round % 2 == 1)
                let b = try Matrix(y, rows: shape.n, type: Self.types[round % 3], transposed: round / 2 % 2 == 1)
                let bias = round % 3 == 0 ? nil : numbers.list(shape.n), add = round % 5 < 2
                let actual = try multiply(set, compute, a, b, rows: 0..<shape.m, bias: bias, add: add)
                let difference = difference(actual, try expected(compute, a, b, bias: bias, add: add))
                #expect(difference < 3e-6, "\(shape), \(type)")
                round += 1
            }
        }
    }

    @Test(arguments: sets, types) func rowsAndThreadsDoNotChangeBits(set: InstructionSet, compute: DType) throws {
        var numbers = Numbers()
        let m = 101, n = 53, k = 1057
        for transposed in [false, true] {
            let a = try Matrix(numbers.list(m * k), rows: m, type: .f32, transposed: transposed)
            let b = try Matrix(numbers.list(n * k), rows: n, type: .f32, transposed: transposed)
            let together = try multiply(set, compute, a, b, rows: 0..<m, bias: nil, add: true)
            for threads in [1, 5] {
                #expect(try multiply(set, compute, a, b, rows: 0..<m, bias: nil, add: true, threads: threads) == together)
            }
            for row in [0, 11, 12, 31, 100] {
                let alone = try multiply(set, compute, a, b, rows: row..<row + 1, bias: nil, add: true, threads: 1)
                #expect(alone == Array(together[row * n..<(row + 1) * n]))
            }
        }
    }

    /// What a type cannot hold becomes infinity, and a number that is none stays so, in its own row and column only.
    @Test(arguments: sets, types) func infinityAndNaNSpreadNoFarther(set: InstructionSet, compute: DType) throws {
        let m = 18, n = 35, k = 40
        var x = [Float](repeating: 1, count: m * k), y = [Float](repeating: 1, count: n * k)
        x[2 * k + 7] = compute == .f16 ? 70000 : .infinity
        x[17 * k + 39] = Float(bitPattern: 0x7fff_ffff)
        y[33 * k] = Float(bitPattern: 0x7f80_0001)
        let a = try Matrix(x, rows: m, type: .f32, transposed: false), b = try Matrix(y, rows: n, type: .f32, transposed: true)
        let out = try multiply(set, compute, a, b, rows: 0..<m, bias: nil, add: false)
        for row in 0..<m {
            for column in 0..<n {
                let value = out[row * n + column]
                if row == 17 || column == 33 { #expect(value.isNaN) } else { #expect(value == (row == 2 ? .infinity : 40)) }
            }
        }
    }
}
