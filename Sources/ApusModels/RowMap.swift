/// Which rows of a tensor are those of a parameter: blocks of them at regular distances, the rows of heads perhaps in another order.
struct RowMap: Sendable, Equatable {
    /// Rows of the parameter.
    let count: Int
    /// Of the tensor: the first row of the first block, and the distance from block to block.
    let first: Int
    let block: Int
    let stride: Int
    /// Rows of the tensor.
    let total: Int
    let order: RowOrder

    init(count: Int, first: Int = 0, block: Int? = nil, stride: Int? = nil, total: Int? = nil, order: RowOrder = .kept) {
        self.count = count
        self.first = first
        self.block = block ?? count
        self.stride = stride ?? self.block
        self.total = total ?? count
        self.order = order
    }

    /// Those behind the first rows of a parameter that lies in one piece.
    func dropping(_ first: Int) -> RowMap { RowMap(count: count - first, first: self.first + first, total: total, order: order) }

    /// The parameter's row as it lies in the tensor's blocks, heads not yet put in order.
    func slot(of row: Int) -> Int { order.source(of: row) }
    /// The tensor's row of a slot.
    func tensorRow(ofSlot slot: Int) -> Int { first + slot / block * stride + slot % block }
    /// The tensor's row that holds a row of the parameter.
    func tensorRow(of row: Int) -> Int { tensorRow(ofSlot: slot(of: row)) }

    /// The parameter's row that a row of the tensor holds; nil when it is another parameter's.
    func row(at tensorRow: Int) -> Int? {
        let from = tensorRow - first
        guard from >= 0, from % stride < block else { return nil }
        let slot = from / stride * block + from % stride
        return slot < count ? order.inverse.source(of: slot) : nil
    }
}
