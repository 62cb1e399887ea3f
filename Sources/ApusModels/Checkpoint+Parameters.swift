import ApusBase
import ApusCheckpoints
import ApusTensor
import Glibc

extension Checkpoint {
    /// Reads the rows that a parameter has in the slots of a tensor, those that lie together at once.
    func readRows(
        _ entry: TensorEntry, _ map: RowMap, slots: Range<Int>, rowByteCount: Int, into out: UnsafeMutableRawBufferPointer
    ) throws(InputError) {
        var slot = slots.lowerBound
        while slot < slots.upperBound {
            let end = map.stride == map.block ? slots.upperBound : min(slots.upperBound, (slot / map.block + 1) * map.block)
            let from = (slot - slots.lowerBound) * rowByteCount, to = (end - slots.lowerBound) * rowByteCount
            try read(entry, from: map.tensorRow(ofSlot: slot) * rowByteCount, into: UnsafeMutableRawBufferPointer(rebasing: out[from..<to]))
            slot = end
        }
    }

    /// The same of a tensor `[inputs, outputs]` of a dense type.
    /// - Parameter whole: room for the tensor.
    func readTransposed(
        _ entry: TensorEntry, _ map: RowMap, slots: Range<Int>, columns: Int, whole: UnsafeMutableRawBufferPointer,
        into out: UnsafeMutableRawBufferPointer
    ) throws(InputError) {
        try read(entry, from: 0, into: whole)
        let size = entry.dtype.blockByteCount, from = whole.baseAddress!, to = out.baseAddress!
        for (index, slot) in slots.enumerated() {
            let row = map.tensorRow(ofSlot: slot)
            for column in 0..<columns {
                memcpy(to + (index * columns + column) * size, from + (column * map.total + row) * size, size)
            }
        }
    }

    /// The values of a whole tensor.
    func vector(_ entry: TensorEntry) throws(InputError) -> [Float] {
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.byteCount, alignment: 64)
        defer { raw.deallocate() }
        try read(entry, from: 0, into: raw)
        var values = [Float](repeating: 0, count: entry.elementCount)
        values.withUnsafeMutableBufferPointer { BlockCodec.dequantize(entry.dtype, UnsafeRawBufferPointer(raw), into: $0) }
        return values
    }
}

extension ModelSource {
    /// The values of a vector parameter, `increment` added to each. What the file's are greater by counts towards it, so that a norm
    /// that was stored as 1 + w is read as it is.
    func vector(_ canonical: String, adding increment: Float = 0) throws(InputError) -> [Float] {
        let values = try checkpoint.vector(entry(canonical)), place = places[canonical]!
        return (0..<place.rows.count).map { values[place.rows.tensorRow(of: $0)] + (increment - place.offset) }
    }
}
