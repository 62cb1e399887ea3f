@testable import ApusTensor

/// A fixed sequence of numbers in -1 ..< 1.
struct Numbers {
    var state: UInt64

    init(seed: UInt64 = 7) { state = seed }

    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }

    mutating func list(_ count: Int, times factor: Float = 1) -> [Float] { (0..<count).map { _ in next() * factor } }
}

extension Rows {
    /// Rows with these values, one after the other, and `gap` elements of 77 behind each.
    init(_ values: [Float], width: Int, gap: Int = 0) {
        let count = values.count / width, stride = width + gap
        self.init(Storage(byteCount: max(count * stride, 1) * 4)!, count: count, width: width, stride: stride)
        for i in 0..<count * stride { storage.floats[i] = i % stride < width ? values[i / stride * width + i % stride] : 77 }
    }

    var values: [Float] { (0..<count).flatMap { Array(self[$0]) } }

    /// Whether all that lies between the rows is as it was.
    var gapsAreUntouched: Bool { (0..<count).allSatisfy { row in (width..<stride).allSatisfy { (start + row * stride)[$0] == 77 } } }
}

/// What this type makes of the values.
func rounded(_ values: [Float], to type: DType) throws -> [Float] {
    guard type != .f32 else { return values }
    var bytes = [UInt8](repeating: 0, count: type.byteCount(elements: values.count)!), result = values
    try bytes.withUnsafeMutableBytes { raw in
        try values.withUnsafeBufferPointer { try BlockCodec.quantize(type, $0, into: raw) }
    }
    try bytes.withUnsafeBytes { raw in
        try result.withUnsafeMutableBufferPointer { try BlockCodec.dequantize(type, raw, into: $0) }
    }
    return result
}

/// The greatest difference, relative to the greatest expected value; infinite when a value is not a number.
func difference(_ actual: [Float], _ expected: [Double]) -> Double {
    guard actual.count == expected.count, actual.allSatisfy({ !$0.isNaN }) else { return .infinity }
    let size = expected.reduce(1e-30) { max($0, abs($1)) }
    return zip(actual, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / size
}
