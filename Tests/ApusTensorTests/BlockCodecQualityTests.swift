import ApusTensor
import Glibc
import Testing

@Suite struct BlockCodecQualityTests {
    /// Root mean square errors of ggml's reference quantisers (llama.cpp of llama-cpp-python 0.3.36), on 512 000 normal values
    /// of deviation 1 and Laplace values of scale 1; ours must not be worse.
    static let reference: [(DType, gaussian: Float, laplace: Float)] = [
        (.q2_k, 0.2964, 0.4857), (.q3_k, 0.1509, 0.2486), (.q4_k, 0.0714, 0.1195),
        (.q5_k, 0.0361, 0.0605), (.q6_k, 0.0178, 0.0306),
    ]

    @Test(arguments: reference) func superBlocksErrNoMoreThanGGML(dtype: DType, gaussian: Float, laplace: Float) throws {
        var random = SplitMix64(state: 1)
        let normal = (0..<256 * 300).map { _ in random.normal() }
        let heavy = (0..<256 * 300).map { _ in random.laplace() }
        for scale: Float in [0.02, 30] {
            let normalError = try rootMeanSquareError(dtype, normal.map { $0 * scale }) / scale
            let heavyError = try rootMeanSquareError(dtype, heavy.map { $0 * scale }) / scale
            #expect(normalError < gaussian && normalError > gaussian / 2)
            #expect(heavyError < laplace && heavyError > laplace / 2)
        }
    }

    @Test(arguments: BlockCodecTests.blocks) func zerosStayZeros(dtype: DType) throws {
        let values = [Float](repeating: 0, count: 512)
        let decoded = BlockCodec.decoded(dtype, try BlockCodec.encoded(dtype, values), count: 512)
        #expect(decoded.allSatisfy { $0 == 0 })
    }

    @Test(arguments: BlockCodecTests.blocks, [Float(5.5), -5.5]) func spikesSurvive(dtype: DType, spike: Float) throws {
        var values = [Float](repeating: 0, count: 256)
        values[77] = spike
        let decoded = BlockCodec.decoded(dtype, try BlockCodec.encoded(dtype, values), count: 256)
        #expect(abs(decoded[77] - spike) < 0.13 * abs(spike))
        #expect(decoded.enumerated().allSatisfy { $0.offset == 77 || abs($0.element) < 0.01 })
    }

    @Test(arguments: BlockCodecTests.blocks) func constantsSurvive(dtype: DType) throws {
        for value: Float in [0.375, -3, 60000, -60000] {
            let values = [Float](repeating: value, count: 256)
            let decoded = BlockCodec.decoded(dtype, try BlockCodec.encoded(dtype, values), count: 256)
            #expect(decoded.allSatisfy { abs($0 / value - 1) < 0.004 }, "\(value) became \(decoded[0])")
        }
    }

    @Test(arguments: BlockCodecTests.blocks) func tinyValuesBecomeZeros(dtype: DType) throws {
        for scale: Float in [1e-12, 1e-30, 1e-38, 0x1p-140, .leastNonzeroMagnitude] {
            let values = (0..<256).map { Float($0 % 7 - 3) * scale }
            let decoded = BlockCodec.decoded(dtype, try BlockCodec.encoded(dtype, values), count: 256)
            #expect(decoded.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: BlockCodecTests.blocks) func valuesOutOfRangeAreRefused(dtype: DType) throws {
        let ordinary = (0..<512).map { Float($0 % 7) - 3 }
        let intact = try BlockCodec.encoded(dtype, ordinary)
        for bad: Float in [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e30, -1e20] {
            var values = ordinary
            values[300] = bad
            #expect(throws: BlockCodec.EncodingError.outOfRange, "\(bad)") { try BlockCodec.encoded(dtype, values) }
        }
        #expect(try BlockCodec.encoded(dtype, ordinary) == intact)
    }

    private func rootMeanSquareError(_ dtype: DType, _ values: [Float]) throws -> Float {
        let decoded = BlockCodec.decoded(dtype, try BlockCodec.encoded(dtype, values), count: values.count)
        let total = zip(decoded, values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        return Float((total / Double(values.count)).squareRoot())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), so that every run sees the same values.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }
    mutating func normal() -> Float { Float((-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())) }
    mutating func laplace() -> Float { Float(-log(uniform())) * (next() & 1 == 0 ? 1 : -1) }
}
