import ApusTensor
import CApusKernels
import Testing

@Suite struct BlockCodecTests {
    static let legacy: [DType] = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0]
    static let superBlocks: [DType] = [.q2_k, .q3_k, .q4_k, .q5_k, .q6_k]
    static let blocks = legacy + superBlocks

    @Test(arguments: DType.allCases) func cAndSwiftAgreeOnSizes(dtype: DType) {
        let index = Int32(DType.allCases.firstIndex(of: dtype)!)
        #expect(apus_dtype_block_size(index) == dtype.blockSize)
        #expect(apus_dtype_block_bytes(index) == dtype.blockByteCount)
    }

    @Test(arguments: blocks + [.f16, .bf16]) func decodesAsGGMLDefines(dtype: DType) {
        let golden = BlockCodecGolden(dtype)
        let values = BlockCodec.decoded(dtype, golden.blocks, count: golden.decoded.count)
        let differing = zip(values, golden.decoded).enumerated().filter { _, pair in
            pair.0.bitPattern != pair.1.bitPattern && !(pair.0.isNaN && pair.1.isNaN)
        }
        #expect(differing.isEmpty, "\(differing.count) values, first: \(differing.first.debugDescription)")
        #expect(golden.decoded.contains { $0 != 0 })
    }

    @Test(arguments: legacy + [.f16, .bf16]) func encodesAsGGMLDefines(dtype: DType) throws {
        let golden = BlockCodecGolden(dtype)
        let bytes = try BlockCodec.encoded(dtype, golden.values)
        let size = dtype.blockByteCount
        let differing = stride(from: 0, to: bytes.count, by: size).filter {
            bytes[$0..<$0 + size] != golden.encoded[$0..<$0 + size]
        }
        #expect(differing.isEmpty, "\(differing.count) blocks, first: \((differing.first ?? 0) / size)")
    }

    @Test func decodesFromAnyAddress() {
        for dtype in Self.blocks {
            let golden = BlockCodecGolden(dtype)
            let count = dtype.blockSize * 2
            let shifted = [0xff] + golden.blocks
            var values = [Float](repeating: 0, count: count)
            shifted.withUnsafeBytes { source in
                let blocks = UnsafeRawBufferPointer(rebasing: source[1..<1 + 2 * dtype.blockByteCount])
                values.withUnsafeMutableBufferPointer { BlockCodec.dequantize(dtype, blocks, into: $0) }
            }
            #expect(zip(values, golden.decoded).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }, "\(dtype)")
        }
    }

    // One element goes through the scalar twin, an array through the processor's conversion.
    @Test func everyHalfDecodesAndEncodesBack() {
        let halves = (0...UInt16.max).map { $0 }
        var wide = [Float](repeating: 0, count: halves.count)
        var back = [UInt16](repeating: 0, count: halves.count)
        apus_f16_to_f32(halves, &wide, halves.count)
        apus_f32_to_f16(wide, &back, wide.count)
        var differing = 0
        for half in halves {
            var (value, again): (Float, UInt16) = (0, 0)
            apus_f16_to_f32([half], &value, 1)
            apus_f32_to_f16([value], &again, 1)
            let isNaN = half & 0x7fff > 0x7c00
            let expected = isNaN ? half | 0x200 : half
            let agree = value.bitPattern == wide[Int(half)].bitPattern && again == expected && back[Int(half)] == expected
            if !agree || value.isNaN != isNaN { differing += 1 }
        }
        #expect(differing == 0)
    }

    // Every f16 boundary: the midpoint of two neighbours goes to the even one, its own neighbours to the nearer.
    @Test func halvesRoundToNearestEven() {
        var values: [Float] = []
        var expected: [UInt16] = []
        for half in UInt16(0)..<0x7c00 {
            var pair: [Float] = [0, 0]
            apus_f16_to_f32([half, half + 1], &pair, 2)
            let middle = half == 0x7bff ? 65520 : (pair[0] + pair[1]) / 2
            values += [middle.nextDown, middle, middle.nextUp, -middle]
            let even = half + (half & 1)
            expected += [half, even, half + 1, even | 0x8000]
        }
        var bulk = [UInt16](repeating: 0, count: values.count)
        apus_f32_to_f16(values, &bulk, values.count)
        #expect(bulk == expected)
        let single = values.map { value in
            var half: UInt16 = 0
            apus_f32_to_f16([value], &half, 1)
            return half
        }
        #expect(single == expected)
    }

    @Test func brainFloatsKeepNaNAndRoundToNearestEven() {
        let cases: [(UInt32, UInt16)] = [
            (0x7f80_0001, 0x7fc0), (0xff80_0001, 0xffc0), (0x7fff_ffff, 0x7fff), (0x7fc1_0000, 0x7fc1),
            (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80), (0x7f7f_ffff, 0x7f80), (0x3f80_8000, 0x3f80),
            (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81), (0x0000_8000, 0x0000), (0x0000_8001, 0x0001), (0x8000_0000, 0x8000),
        ]
        var bits = [UInt16](repeating: 0, count: cases.count)
        apus_f32_to_bf16(cases.map { Float(bitPattern: $0.0) }, &bits, bits.count)
        #expect(bits == cases.map(\.1))
    }

    @Test func halvesKeepNaN() {
        let patterns: [(UInt32, UInt16)] = [
            (0x7f80_0001, 0x7e00), (0xff80_0001, 0xfe00), (0x7fff_ffff, 0x7fff), (0x7f80_2000, 0x7e01), (0x7fc0_0000, 0x7e00),
        ]
        for (bits, expected) in patterns {
            var halves = [UInt16](repeating: 0, count: 9)
            apus_f32_to_f16([Float](repeating: Float(bitPattern: bits), count: 9), &halves, 9)
            #expect(halves == [UInt16](repeating: expected, count: 9))
        }
    }

    @Test func unsupportedTypesAreRefused() {
        var bytes = [UInt64](repeating: 0, count: 8)
        var values = [Float](repeating: 0, count: 8)
        for index in [Int32(3), 4, 5, 16, -1] {
            #expect(apus_dequantize(index, bytes, &values, 8) == Int32(APUS_CODEC_UNSUPPORTED))
            #expect(apus_quantize(index, values, &bytes, 8) == Int32(APUS_CODEC_UNSUPPORTED))
        }
        #expect(apus_dtype_block_size(16) == 0 && apus_dtype_block_bytes(-1) == 0)
        #expect(DType.allCases.filter { !BlockCodec.supports($0) } == [.i32, .i64, .u8])
    }
}
