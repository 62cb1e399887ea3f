import Testing

@testable import ApusTraining

@Suite struct RandomStreamTests {
    /// The known answers that come with Random123.
    @Test(
        arguments: [
            ([0, 0, 0, 0], [0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
            (
                [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], [0xFFFF_FFFF, 0xFFFF_FFFF],
                [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
            ),
            (
                [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0],
                [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
            ),
        ] as [([UInt32], [UInt32], [UInt32])])
    func blocksAreThoseOfPhilox(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
        let block = RandomStream.block((counter[0], counter[1], counter[2], counter[3]), key: (key[0], key[1]))
        #expect([block.0, block.1, block.2, block.3] == expected)
    }

    @Test func everyPlaceHasNumbersOfItsOwn() {
        func first(_ seed: UInt64, _ step: Int, _ sequence: Int, _ site: RandomStream.Site) -> UInt64 {
            var stream = RandomStream(seed: seed, step: step, sequence: sequence, site: site)
            return stream.next()
        }
        var seen: Set<UInt64> = []
        for seed in 0..<4 {
            for step in 0..<8 {
                for sequence in 0..<8 {
                    seen.insert(first(UInt64(seed), step, sequence, .shuffle))
                    seen.insert(first(UInt64(seed), step, sequence, .corruption))
                }
            }
        }
        #expect(seen.count == 4 * 8 * 8 * 2)
    }

    @Test func numbersFillTheirRange() {
        var stream = RandomStream(seed: 7, step: 0, sequence: 0, site: .source)
        var counts = [Int](repeating: 0, count: 5), sum = 0.0
        for _ in 0..<50_000 {
            counts[stream.below(5)] += 1
            sum += stream.uniform()
        }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 400 })
        #expect(abs(sum / 50_000 - 0.5) < 0.01)
        var order = Array(0..<100)
        stream.shuffle(&order)
        #expect(order != Array(0..<100) && order.sorted() == Array(0..<100))
    }
}
