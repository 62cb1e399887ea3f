import ApusBase
import ApusCheckpoints
import ApusTensor

/// Turns rows of one tensor into another element type by way of f32, and refuses values that the type cannot hold.
struct RowConverter {
    let entry: TensorEntry
    /// The file that holds the tensor, for errors.
    let path: String
    let target: DType
    /// Elements of a row.
    let columns: Int

    /// - Parameter columns: those of the tensor unless given.
    init(_ entry: TensorEntry, columns: Int? = nil, of checkpoint: any Checkpoint, to target: DType) {
        self.entry = entry
        self.columns = columns ?? entry.shape.last ?? 1
        path = checkpoint.path(of: entry)
        self.target = target
    }

    /// Converts one row.
    /// - Parameters:
    ///   - row: its number, for errors.
    ///   - floats: room for a row of f32, which holds the row's values afterwards.
    /// - Throws: an error that names file, tensor, row and rule when a value is beyond the type's range.
    func convert(
        row: Int, _ source: UnsafeRawBufferPointer, floats: UnsafeMutableBufferPointer<Float>, into out: UnsafeMutableRawBufferPointer
    ) throws(InputError) {
        BlockCodec.dequantize(entry.dtype, source, into: floats)
        try encode(row: row, floats, into: out)
    }

    /// The same from values in f32.
    func encode(row: Int, _ floats: UnsafeMutableBufferPointer<Float>, into out: UnsafeMutableRawBufferPointer) throws(InputError) {
        let overflow = floats.first { $0.isFinite && abs($0) >= smallestOverflow }
        do throws(BlockCodec.EncodingError) {
            guard overflow == nil else { throw .outOfRange }
            try BlockCodec.quantize(target, UnsafeBufferPointer(floats), into: out)
        } catch {
            let culprit = overflow ?? floats.first { !$0.isFinite } ?? floats.max { abs($0) < abs($1) } ?? 0
            throw InputError(
                path, at: "tensor \(entry.name)", "row \(row) holds \(culprit), which \(target) cannot hold",
                remedy: culprit.isFinite ? "use bf16 or f32" : "the weights are damaged; fetch the model again")
        }
    }

    /// What would be rounded to infinity without an error.
    private var smallestOverflow: Float {
        switch target {
        case .f16: 65520
        case .bf16: Float(bitPattern: 0x7F7F_8000)
        default: .infinity
        }
    }
}
