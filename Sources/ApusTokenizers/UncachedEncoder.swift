/// Encodes pieces word by word and remembers no word, since it may have other tokens elsewhere: the scratch memory of one call, of one thread.
final class UncachedEncoder<Model: WordModel>: PieceEncoder {
    @exclusivity(unchecked) var output: TokenBuffer
    private let model: Model

    init(_ model: Model, byteCount: Int) {
        self.model = model
        output = TokenBuffer(capacity: byteCount / 3 + 64)
    }

    deinit { output.deallocate() }

    func encode(_ piece: Range<UnsafePointer<UInt8>>, readableEnd: UnsafePointer<UInt8>) {
        let first = output.count
        var p = piece.lowerBound
        model.startPiece()
        while p < piece.upperBound {
            let next = min(model.wordEnd(p, piece.upperBound), p + PairMerger.longestPiece)
            let count = model.encode(p, next - p)
            let isFused =
                count > 0 && output.count > first && model.fusedToken >= 0 && model.tokens[0] == UInt32(model.fusedToken)
                && output.tokens[output.count - 1] == model.fusedToken
            output.append(model.tokens + (isFused ? 1 : 0), count - (isFused ? 1 : 0))
            p = next
        }
    }
}
