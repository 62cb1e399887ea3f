import Glibc
import Testing

@testable import ApusTensor

/// What dropout leaves out of rows, on every instruction set; of attention's weights: `AttentionBackwardTests`.
@Suite struct DropoutTests {
    private static let count = 203

    /// Rows of sequences of 100, 1 and 102 tokens.
    private func dropped(_ set: InstructionSet, width: Int, rate: Float = 0.3, site: UInt32 = 5, threads: Int = 2) throws -> [Float] {
        let backend = try #require(CPUBackend(threads: threads, instructionSet: set))
        var numbers = Numbers()
        let rows = Rows(numbers.list(Self.count * width), width: width, gap: 3)
        backend.drop(rows, sequences: [0..<100, 100..<101, 101..<203], Dropout(rate: rate, site: site, keys: [1, 1 << 40, 77]))
        #expect(rows.gapsAreUntouched)
        return rows.values
    }

    @Test(arguments: ProductTests.sets, [1, 15, 16, 127, 128, 129, 576])
    func isTheSameEverywhere(set: InstructionSet, width: Int) throws {
        let scalar = try dropped(.scalar, width: width)
        for threads in [1, 3] { #expect(try dropped(set, width: width, threads: threads) == scalar) }
    }

    /// Elements are left out with their chance, whatever their neighbours and those of other sequences and sites are; the others grow.
    @Test(arguments: [Float(0.05), 0.3, 0.9]) func elementsAreLeftOutByChance(rate: Float) throws {
        var numbers = Numbers()
        let width = 640, all = Self.count * width, x = numbers.list(all), kept = Double(1 - (rate * 65536).rounded() / 65536)
        let one = try dropped(.scalar, width: width, rate: rate), other = try dropped(.scalar, width: width, rate: rate, site: 6)
        func share(_ count: Int, of expected: Double, _ what: String) {
            let deviation = (expected * (1 - expected) / Double(all)).squareRoot()
            #expect(abs(Double(count) / Double(all) - expected) <= 4.5 * deviation, "\(rate), \(what): \(Double(count) / Double(all)), not \(expected)")
        }
        share(one.count { $0 != 0 }, of: kept, "all")
        share((0..<all).count { one[$0] != 0 && other[$0] != 0 }, of: kept * kept, "two sites")
        for distance in [1, 2, 7, 8, 16, 32, 128, width, 101 * width] {
            share((0..<all).count { one[$0] != 0 && one[($0 + distance) % all] != 0 }, of: kept * kept, "neighbours \(distance) apart")
        }
        for i in 0..<all where one[i] != 0 { #expect(abs(one[i] * Float(kept) - x[i]) <= 1e-6) }
    }

    @Test func nothingIsLeftOutWithoutChance() throws {
        var numbers = Numbers()
        #expect(try dropped(.scalar, width: 50, rate: 0) == numbers.list(Self.count * 50))
    }
}
