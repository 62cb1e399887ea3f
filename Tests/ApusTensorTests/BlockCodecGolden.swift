import ApusTensor
import Glibc

/// What `Tests/Goldens/make_codecs.py` wrote for one type.
struct BlockCodecGolden {
    var blocks: [UInt8]
    var decoded: [Float]
    var values: [Float]
    var encoded: [UInt8]

    init(_ dtype: DType, file: String = #filePath) {
        let tests = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let path = "\(tests)/Goldens/codecs/\(dtype.rawValue).bin"
        guard let handle = fopen(path, "rb") else { fatalError("no golden at \(path)") }
        defer { fclose(handle) }
        func read<Element: BitwiseCopyable>(_ count: Int, of zero: Element) -> [Element] {
            var elements = [Element](repeating: zero, count: count)
            let done = elements.withUnsafeMutableBytes { fread($0.baseAddress, MemoryLayout<Element>.stride, count, handle) }
            guard done == count else { fatalError("\(path) is short") }
            return elements
        }
        let decodedCount = Int(read(1, of: UInt32(0))[0])
        blocks = read(dtype.byteCount(elements: decodedCount)!, of: 0)
        decoded = read(decodedCount, of: 0)
        let valueCount = Int(read(1, of: UInt32(0))[0])
        values = read(valueCount, of: 0)
        encoded = read(dtype.byteCount(elements: valueCount)!, of: 0)
    }
}

extension BlockCodec {
    static func decoded(_ dtype: DType, _ bytes: [UInt8], count: Int) -> [Float] {
        var values = [Float](repeating: .nan, count: count)
        bytes.withUnsafeBytes { source in values.withUnsafeMutableBufferPointer { dequantize(dtype, source, into: $0) } }
        return values
    }

    static func encoded(_ dtype: DType, _ values: [Float]) throws(EncodingError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xa5, count: dtype.byteCount(elements: values.count)!)
        let failure = values.withUnsafeBufferPointer { source in
            bytes.withUnsafeMutableBytes { (target) -> EncodingError? in
                do throws(EncodingError) { try quantize(dtype, source, into: target) } catch { return error }
                return nil
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
