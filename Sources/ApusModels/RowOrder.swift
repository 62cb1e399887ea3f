/// How rows of query and key projections change places. A head's rotary pairs are rows j and j + D/2 here and in Hugging Face's
/// layout (half-split), rows 2j and 2j + 1 in the GGUF files of the llama architecture (interleaved).
enum RowOrder: Equatable {
    case kept
    /// From interleaved heads to half-split ones.
    case toHalfSplit(headSize: Int)
    /// From half-split heads to interleaved ones.
    case toInterleaved(headSize: Int)

    /// Rows that change places among themselves: those of a head.
    var groupSize: Int {
        switch self {
        case .kept: 1
        case .toHalfSplit(let headSize), .toInterleaved(let headSize): headSize
        }
    }

    /// Where a row of the new order lies in the old one.
    func source(of row: Int) -> Int {
        switch self {
        case .kept: return row
        case .toHalfSplit(let size):
            let within = row % size
            return row - within + within % (size / 2) * 2 + within / (size / 2)
        case .toInterleaved(let size):
            let within = row % size
            return row - within + within % 2 * (size / 2) + within / 2
        }
    }

    /// The order that takes rows back.
    var inverse: RowOrder {
        switch self {
        case .kept: .kept
        case .toHalfSplit(let size): .toInterleaved(headSize: size)
        case .toInterleaved(let size): .toHalfSplit(headSize: size)
        }
    }
}
