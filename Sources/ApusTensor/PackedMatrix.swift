import CApusKernels

extension DType {
    /// The type's number in the C kernels.
    package var kernelNumber: Int32 { Int32(DType.allCases.firstIndex(of: self)!) }
}

/// A weight matrix `[rows, columns]` = `[outputs, inputs]`: packed for the kernels, 16 rows interleaved (`panels.h`), or, while it is being
/// trained, row by row in f32.
package final class PackedMatrix: Sendable {
    package let dtype: DType
    /// Whether it lies row by row.
    package let isTrained: Bool
    package let rows: Int
    package let columns: Int
    package let storage: Storage
    let kernelType: Int32
    let panelByteCount: Int

    package static let rowsAPanel = Int(APUS_PANEL)

    /// Bytes of storage, or nil when the type cannot be packed or the columns do not fill whole blocks.
    package static func byteCount(_ dtype: DType, rows: Int, columns: Int) -> Int? {
        let panel = apus_panel_bytes(dtype.kernelNumber, Int64(columns))
        guard panel > 0, rows > 0 else { return nil }
        let (bytes, overflow) = ((rows - 1) / rowsAPanel + 1).multipliedReportingOverflow(by: panel)
        return overflow ? nil : bytes
    }

    /// `storage` holds the panels, or will after `pack` has been called for each.
    package init(_ dtype: DType, rows: Int, columns: Int, storage: Storage) {
        precondition(storage.byteCount >= PackedMatrix.byteCount(dtype, rows: rows, columns: columns) ?? .max)
        self.dtype = dtype
        self.rows = rows
        self.columns = columns
        self.storage = storage
        kernelType = dtype.kernelNumber
        panelByteCount = apus_panel_bytes(kernelType, Int64(columns))
        isTrained = false
    }

    /// f32, row by row.
    package init(trained storage: Storage, rows: Int, columns: Int) {
        precondition(storage.byteCount >= rows * columns * 4)
        dtype = .f32
        isTrained = true
        self.rows = rows
        self.columns = columns
        self.storage = storage
        kernelType = DType.f32.kernelNumber
        panelByteCount = 0
    }

    package var panelCount: Int { (rows - 1) / Self.rowsAPanel + 1 }

    /// Packs one panel from the bytes of its rows; nil stands for a row of zeros (those after the last).
    package func pack(panel: Int, rows: [UnsafePointer<UInt8>?]) {
        precondition(rows.count == Self.rowsAPanel)
        if isTrained {
            for (lane, row) in rows.enumerated() {
                guard let row else { continue }
                (storage.address + (panel * Self.rowsAPanel + lane) * columns * 4).copyMemory(from: row, byteCount: columns * 4)
            }
            return
        }
        rows.withUnsafeBufferPointer {
            apus_pack_panel(
                kernelType, Int64(columns), $0.baseAddress!,
                storage.address.assumingMemoryBound(to: UInt8.self) + panel * panelByteCount)
        }
    }

    /// The values of one row, in f32.
    package func unpack(row: Int, into out: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < self.rows)
        if isTrained {
            out.update(from: storage.floats + row * columns, count: columns)
            return
        }
        var matrix = descriptor
        apus_unpack_row(&matrix, Int64(row), out)
    }

    var descriptor: apus_matrix {
        precondition(!isTrained)
        return apus_matrix(
            dtype: kernelType, rows: Int64(rows), columns: Int64(columns),
            panels: UnsafePointer(storage.address.assumingMemoryBound(to: UInt8.self)))
    }
}
