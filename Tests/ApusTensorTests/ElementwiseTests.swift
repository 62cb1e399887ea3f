import Glibc
import Testing

@testable import ApusTensor

/// Norms, rotary positions, gated activations and reductions on every instruction set, against double precision.
@Suite struct ElementwiseTests {
    static let sets = ProductTests.sets
    static let widths = [1, 5, 16, 17, 33, 576, 1000]
    static let rowCount = 37  // more than two tasks of rows

    private func backend(_ set: InstructionSet, threads: Int = 2) throws -> CPUBackend {
        try #require(CPUBackend(threads: threads, instructionSet: set))
    }

    private func storage(_ values: [Float]) -> Storage { Rows(values, width: values.count).storage }

    /// Runs `body` on all rows and with 1 and 3 threads, and on single rows; all must give the same bits. Returns the values.
    private func consistent(_ set: InstructionSet, _ body: (CPUBackend, Range<Int>) -> Rows) throws -> [Float] {
        let all = body(try backend(set), 0..<Self.rowCount)
        #expect(all.gapsAreUntouched)
        for threads in [1, 3] { #expect(body(try backend(set, threads: threads), 0..<Self.rowCount).values == all.values) }
        for row in [0, 15, 16, 36] { #expect(body(try backend(set), row..<row + 1).values == Array(all[row])) }
        return all.values
    }

    @Test(arguments: sets, widths) func normAgrees(set: InstructionSet, width: Int) throws {
        for size in [1e-4, 1, 1e6] as [Float] {
            var numbers = Numbers()
            let x = numbers.list(Self.rowCount * width, times: size), weight = numbers.list(width), epsilon = Float(1e-5)
            let actual = try consistent(set) { backend, rows in
                let out = Rows([Float](repeating: 0, count: rows.count * width), width: width, gap: 5)
                backend.rmsNorm(Rows(x, width: width, gap: 3).rows(rows), weight: storage(weight), epsilon: epsilon, into: out)
                return out
            }
            for row in 0..<Self.rowCount {
                let values = x[row * width..<(row + 1) * width].map(Double.init)
                let root = (values.reduce(0) { $0 + $1 * $1 } / Double(width) + Double(epsilon)).squareRoot()
                let expected = zip(values, weight).map { $0 / root * Double($1) }
                #expect(difference(Array(actual[row * width..<(row + 1) * width]), expected) <= 1e-6)
            }
        }
    }

    /// Means far from zero as well, and without a bias.
    @Test(arguments: sets, widths) func layerNormAgrees(set: InstructionSet, width: Int) throws {
        for (size, mean) in [(1e-4, 0), (1, 3), (1e6, 1e6)] as [(Float, Float)] {
            var numbers = Numbers()
            let x = numbers.list(Self.rowCount * width, times: size).map { $0 + mean }, weight = numbers.list(width), epsilon = Float(1e-5)
            for bias in [nil, numbers.list(width)] {
                let actual = try consistent(set) { backend, rows in
                    let out = Rows([Float](repeating: 0, count: rows.count * width), width: width, gap: 5)
                    backend.layerNorm(
                        Rows(x, width: width, gap: 3).rows(rows), weight: storage(weight), bias: bias.map(storage), epsilon: epsilon, into: out)
                    return out
                }
                for row in 0..<Self.rowCount {
                    let values = x[row * width..<(row + 1) * width].map(Double.init), mean = values.reduce(0, +) / Double(width)
                    let root = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width) + Double(epsilon)).squareRoot()
                    let expected = values.indices.map { (values[$0] - mean) / root * Double(weight[$0]) + Double(bias?[$0] ?? 0) }
                    #expect(difference(Array(actual[row * width..<(row + 1) * width]), expected) <= 2e-6)
                }
            }
        }
    }

    private func activate(_ activation: Activation, _ x: Double) -> Double {
        switch activation {
        case .silu: x / (1 + exp(-x))
        case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .geluErf: 0.5 * x * erfc(-x / 2.0.squareRoot())
        case .relu: max(x, 0)
        }
    }

    @Test(arguments: sets, widths) func activationsAgree(set: InstructionSet, width: Int) throws {
        for size in [0.01, 1, 12, 300] as [Float] {
            var numbers = Numbers()
            let x = numbers.list(Self.rowCount * width, times: size)
            for activation in Activation.allCases {
                let actual = try consistent(set) { backend, rows in
                    let out = Rows([Float](repeating: 0, count: rows.count * width), width: width, gap: 5)
                    backend.plain(activation, Rows(x, width: width, gap: 3).rows(rows), into: out)
                    return out
                }
                #expect(difference(actual, x.map { activate(activation, Double($0)) }) <= 1e-6)
            }
        }
    }

    @Test(arguments: sets, widths) func scalingAndCappingAgree(set: InstructionSet, width: Int) throws {
        var numbers = Numbers()
        let x = numbers.list(Self.rowCount * width, times: 40), y = numbers.list(Self.rowCount * width)
        for other in [nil, y] {
            let actual = try consistent(set) { backend, rows in
                let out = Rows([Float](repeating: 0, count: rows.count * width), width: width, gap: 5)
                backend.scale(Rows(x, width: width, gap: 3).rows(rows), by: 1.5, adding: other.map { Rows($0, width: width).rows(rows) }, into: out)
                return out
            }
            #expect(difference(actual, x.indices.map { 1.5 * Double(x[$0]) + Double(other?[$0] ?? 0) }) <= 1e-6)
        }
        let capped = try consistent(set) { backend, rows in
            let all = Rows(x, width: width, gap: 3).rows(rows)
            backend.softCap(all, cap: 30, into: all)
            return all
        }
        #expect(difference(capped, x.map { 30 * tanh(Double($0) / 30) }) <= 1e-6)
    }

    @Test(arguments: sets, widths) func gatedAgrees(set: InstructionSet, width: Int) throws {
        for size in [1, 12, 300] as [Float] {
            var numbers = Numbers()
            let gate = numbers.list(Self.rowCount * width, times: size), up = numbers.list(Self.rowCount * width)
            for activation in Activation.allCases {
                let actual = try consistent(set) { backend, rows in
                    let out = Rows([Float](repeating: 0, count: rows.count * width), width: width, gap: 5)
                    backend.gated(
                        activation, gate: Rows(gate, width: width, gap: 3).rows(rows), up: Rows(up, width: width).rows(rows), into: out)
                    return out
                }
                let expected = zip(gate, up).map { activate(activation, Double($0)) * Double($1) }
                #expect(difference(actual, expected) <= 1e-6)
            }
        }
    }

    /// All of a head, a part of it, odd numbers of pairs, one pair, none; elements behind the pairs stay as they are.
    @Test(arguments: sets, [(1, 0), (2, 1), (20, 10), (33, 13), (64, 32), (64, 9), (80, 40), (100, 47), (128, 64), (128, 17)])
    func rotaryAgrees(set: InstructionSet, shape: (headSize: Int, pairs: Int)) throws {
        let heads = 3, width = heads * shape.headSize
        var numbers = Numbers()
        let x = numbers.list(Self.rowCount * width, times: 4), angles = numbers.list(Self.rowCount * shape.pairs, times: 3)
        let cosines = angles.map { Float(cos(Double($0))) }, sines = angles.map { Float(sin(Double($0))) }
        for interleaved in [false, true] where shape.pairs > 0 {
            let actual = try consistent(set) { backend, rows in
                let all = Rows(x, width: width, gap: 3).rows(rows)
                backend.rotary(
                    all, headSize: shape.headSize, first: 0, cosines: Rows(cosines, width: shape.pairs).rows(rows),
                    sines: Rows(sines, width: shape.pairs).rows(rows),
                    interleaved: interleaved)
                return all
            }
            var expected = x.map(Double.init)
            for row in 0..<Self.rowCount {
                for head in 0..<heads {
                    for pair in 0..<shape.pairs {
                        let first = row * width + head * shape.headSize + (interleaved ? 2 * pair : pair)
                        let second = interleaved ? first + 1 : first + shape.pairs
                        let (u, v, angle) = (Double(x[first]), Double(x[second]), row * shape.pairs + pair)
                        expected[first] = u * Double(cosines[angle]) - v * Double(sines[angle])
                        expected[second] = v * Double(cosines[angle]) + u * Double(sines[angle])
                    }
                }
            }
            #expect(difference(actual, expected) <= 1e-6)
            for i in x.indices where i % shape.headSize >= 2 * shape.pairs { #expect(actual[i] == x[i]) }
        }
    }

    static let counts = [1, 2, 15, 16, 17, 31, 4095, 4096, 4097, 8212, 49157]

    @Test(arguments: sets, counts) func logSumExpAgrees(set: InstructionSet, count: Int) throws {
        for (size, shift) in [(1, 0), (30, 0), (5, 1e4), (5, -1e4)] as [(Float, Float)] {
            var numbers = Numbers()
            var x = numbers.list(count, times: size).map { $0 + shift }
            if count > 2 { x[count / 2] = -.infinity }
            let greatest = Double(x.max()!)
            let expected = greatest + log(x.reduce(0.0) { $0 + exp(Double($1) - greatest) })
            let actual = x.withUnsafeMutableBufferPointer { try? backend(set).logSumExp($0) }
            #expect(difference([try #require(actual)], [expected]) <= 1e-6)
        }
        var none = [Float](repeating: -.infinity, count: count)
        #expect(none.withUnsafeMutableBufferPointer { try? backend(set).logSumExp($0) } == -.infinity)
    }

    @Test(arguments: sets, counts) func argmaxIsTheFirstOfTheGreatest(set: InstructionSet, count: Int) throws {
        let backend = try backend(set)
        func check(_ x: [Float], _ expected: Int) {
            var x = x
            #expect(x.withUnsafeMutableBufferPointer { backend.argmax($0) } == expected)
        }
        var numbers = Numbers()
        let noise = numbers.list(count)
        check(noise, noise.firstIndex(of: noise.max()!)!)
        check(noise.map { $0 - 1e6 }, noise.map { $0 - 1e6 }.firstIndex(of: noise.map { $0 - 1e6 }.max()!)!)
        check([Float](repeating: -.infinity, count: count), 0)
        for place in Set([0, count / 3, count / 2, count - 1]) {
            var x = noise
            x[place] = 2
            x[count - 1] = 2
            check(x, place)
            x[place] = .infinity
            check(x, place)
        }
    }
}
