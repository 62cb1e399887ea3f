import ApusInference
import Testing

@testable import ApusTraining

@Suite struct RandomStreamTests {
    /// The known answer that comes with Random123 for the counter and the key of zeros, and the block behind it.
    @Test func numbersAreThoseOfPhilox() {
        var stream = RandomStream(seed: 0, step: 0, sequence: 0, site: RandomStream.Site(rawValue: 0))
        #expect([stream.next(), stream.next()] == [0xE169_C58D_6627_E8D5, 0x9B00_DBD8_BC57_AC4C])
        stream = RandomStream(seed: 0x299F_31D0_A409_3822, step: 0x0370_7344, sequence: 0x1319_8A2E, site: RandomStream.Site(rawValue: 0x85A3_08D3))
        for block in 0..<3 as Range<UInt32> {
            let words = Philox.words(key: SIMD2(0xA409_3822, 0x299F_31D0), counter: SIMD4(block, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344))
            #expect(stream.next() == UInt64(words[1]) << 32 | UInt64(words[0]) && stream.next() == UInt64(words[3]) << 32 | UInt64(words[2]))
        }
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
