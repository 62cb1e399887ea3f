import CApusKernels

/// Conversion of tensor elements between f32 and every floating-point and block type.
///
/// Decoding gives, bit for bit, the values that ggml's formulas define; a block whose f16 scale is infinite or NaN gives
/// what the arithmetic gives. Encoding to `q4_0` … `q8_0` gives the blocks of ggml's reference quantiser; the K types are
/// searched for the least squared error. Nothing is allocated; a call runs on the caller's thread.
package enum BlockCodec {
    /// Why values could not be encoded.
    package enum EncodingError: Error, Equatable {
        /// A value is NaN or infinite, or so great that a block's f16 scale overflows.
        case outOfRange
    }

    /// Whether elements of `dtype` can be decoded to and encoded from f32: all types but the integers.
    @inlinable
    package static func supports(_ dtype: DType) -> Bool {
        switch dtype {
        case .i32, .i64, .u8: false
        default: true
        }
    }

    /// Decodes `destination.count` elements.
    ///
    /// - Precondition: `supports(dtype)`; `destination.count` fills whole blocks; `source` holds exactly their bytes,
    ///   aligned for its numbers when `dtype` is a plain type (blocks need no alignment).
    package static func dequantize(
        _ dtype: DType, _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(dtype.byteCount(elements: destination.count) == source.count, "source and destination differ in size")
        guard let from = source.baseAddress, let to = destination.baseAddress, source.count > 0 else { return }
        let status = apus_dequantize(dtype.kernelNumber, from, to, destination.count)
        precondition(Int(status) == APUS_CODEC_OK, "\(dtype) has no conversion to f32")
    }

    /// Encodes `source.count` elements, to nearest. For `f16` and `bf16` (ties to even) overflow gives infinity and NaN
    /// stays NaN; block types throw `outOfRange`, after which `destination` holds the blocks before the offending one.
    /// Values too small for a block's f16 scale become zero.
    ///
    /// - Precondition: as `dequantize`, with the buffers' roles exchanged.
    package static func quantize(
        _ dtype: DType, _ source: UnsafeBufferPointer<Float>, into destination: UnsafeMutableRawBufferPointer
    ) throws(EncodingError) {
        precondition(dtype.byteCount(elements: source.count) == destination.count, "source and destination differ in size")
        guard let from = source.baseAddress, let to = destination.baseAddress, source.count > 0 else { return }
        let status = apus_quantize(dtype.kernelNumber, from, to, source.count)
        if Int(status) == APUS_CODEC_RANGE { throw .outOfRange }
        precondition(Int(status) == APUS_CODEC_OK, "\(dtype) has no conversion from f32")
    }
}
