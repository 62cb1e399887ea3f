import CApusKernels

extension DType {
    /// The type's number in the C kernels.
    package var kernelNumber: Int32 { Int32(DType.allCases.firstIndex(of: self)!) }
}

/// A weight matrix `[rows, columns]` = `[outputs, inputs]`, packed for the kernels: 16 rows interleaved (`panels.h`).
package final class PackedMatrix: Sendable {
    package let dtype: DType
    package let rows: Int
    package let columns: Int
    let storage: Storage
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
    }

    package var panelCount: Int { (rows - 1) / Self.rowsAPanel + 1 }

    /// Packs one panel from the bytes of its rows; nil stands for a row of zeros (those after the last).
    package func pack(panel: Int, rows: [UnsafePointer<UInt8>?]) {
        precondition(rows.count == Self.rowsAPanel)
        rows.withUnsafeBufferPointer {
            apus_pack_panel(
                kernelType, Int64(columns), $0.baseAddress!,
                storage.address.assumingMemoryBound(to: UInt8.self) + panel * panelByteCount)
        }
    }

    /// The values of one row, in f32.
    package func unpack(row: Int, into out: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < self.rows)
        var matrix = descriptor
        apus_unpack_row(&matrix, Int64(row), out)
    }

    var descriptor: apus_matrix {
        apus_matrix(
            dtype: kernelType, rows: Int64(rows), columns: Int64(columns),
            panels: UnsafePointer(storage.address.assumingMemoryBound(to: UInt8.self)))
    }
}
