/// A matrix `[rows, columns]` of f32, bf16 or f16 in a storage, as it lies or transposed, for `TrainingBackend.multiply`.
package struct Operand: Sendable {
    package let storage: Storage
    /// Of the first element, in elements.
    package let offset: Int
    package let dtype: DType
    package let rows: Int
    package let columns: Int
    package let rowStride: Int
    package let columnStride: Int

    package init(_ storage: Storage, offset: Int = 0, dtype: DType, rows: Int, columns: Int, rowStride: Int, columnStride: Int = 1) {
        precondition([.f32, .bf16, .f16].contains(dtype) && (rowStride == 1 || columnStride == 1))
        let last = offset + max(rows - 1, 0) * rowStride + max(columns - 1, 0) * columnStride
        precondition(rows == 0 || columns == 0 || (last + 1) * (dtype == .f32 ? 4 : 2) <= storage.byteCount, "an operand lies outside its storage")
        self.storage = storage
        self.offset = offset
        self.dtype = dtype
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride
        self.columnStride = columnStride
    }

    /// f32 rows as they are.
    package init(_ rows: Rows) {
        self.init(rows.storage, offset: rows.offset, dtype: .f32, rows: rows.count, columns: rows.width, rowStride: rows.stride)
    }

    /// Kept rows as they are.
    package init(_ kept: KeptRows) {
        self.init(kept.storage, offset: kept.offset, dtype: kept.dtype, rows: kept.count, columns: kept.width, rowStride: kept.stride)
    }

    /// A matrix that is being trained, as it lies.
    package init(_ matrix: PackedMatrix) {
        precondition(matrix.isTrained)
        self.init(matrix.storage, dtype: .f32, rows: matrix.rows, columns: matrix.columns, rowStride: matrix.columns)
    }

    /// Rows for columns.
    package var transposed: Operand {
        Operand(storage, offset: offset, dtype: dtype, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
    }
}
