extension Tokenizer {
    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - text: any text; it need not be normalised.
    ///   - addSpecial: add what the model wants around a text (BOS, EOS).
    ///   - parseSpecial: read the texts of special tokens ("<|im_end|>") as those tokens. Otherwise they are text like any other, so
    ///     that what a user types cannot end a turn.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        var text = text
        return text.withUTF8 { encode($0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    /// The ids of the bytes of a text, UTF-8 or not.
    public func encode(_ bytes: UnsafeBufferPointer<UInt8>, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        switch parts.model {
        case .byteLevelBPE(let model):
            let encoder = WordEncoder(ByteLevelWords(model), byteCount: bytes.count)
            let text = TextClassifier()
            // The common patterns' words go from the scanner to the model without a list of pieces.
            return run(bytes, addSpecial, parseSpecial, encoder) { piece, scanner in
                switch scanner {
                case .gpt2(isolatesNumbers: true): encoder.scan(piece, piece.upperBound) { p, end in WordScanner.gpt2(p, end, text, true) }
                case .gpt2(isolatesNumbers: false): encoder.scan(piece, piece.upperBound) { p, end in WordScanner.gpt2(p, end, text, false) }
                case .gpt4(let options): encoder.scan(piece, piece.upperBound) { p, end in WordScanner.gpt4(p, end, text, options) }
                }
            }
        case .characterBPE(let model): return run(bytes, addSpecial, parseSpecial, WordEncoder(CharacterWords(model), byteCount: bytes.count))
        case .unigram(let model) where model.sums == .running:
            return run(bytes, addSpecial, parseSpecial, UncachedEncoder(RunningUnigramWords(model), byteCount: bytes.count))
        case .unigram(let model): return run(bytes, addSpecial, parseSpecial, WordEncoder(UnigramWords(model), byteCount: bytes.count))
        case .wordPiece(let model): return run(bytes, addSpecial, parseSpecial, WordEncoder(WordPieceWords(model), byteCount: bytes.count))
        }
    }

    /// The ids of a whole document for training or measuring: without a mark that an answer begins.
    package func encode(document bytes: [UInt8]) -> [Int32] {
        let ids = bytes.withUnsafeBufferPointer { encode($0) }
        return parts.opensAnswer ? Array(ids.dropLast(suffix.count)) : ids
    }

    /// The same tokenizer with further tokens that end an answer.
    package func stopping(at ids: [Int32]) -> Tokenizer {
        var parts = parts
        parts.endOfGeneration.formUnion(ids)
        return Tokenizer(parts)
    }

    /// The ids of a text with what the model wants around it, at most `limit` of them: the end of a longer text is left out.
    package func encode(_ text: String, atMost limit: Int) -> (ids: [Int32], isCut: Bool) {
        let ids = encode(text)
        guard ids.count > limit else { return (ids, false) }
        return (ids.prefix(max(limit - suffix.count, 0)) + suffix.suffix(limit), true)
    }

    /// Drives an encoder over a text.
    ///
    /// - Parameter scan: encodes text whose only stage of pre-tokenising is a scanner.
    func run(
        _ bytes: UnsafeBufferPointer<UInt8>, _ addSpecial: Bool, _ parseSpecial: Bool, _ encoder: some PieceEncoder,
        scan: ((Range<UnsafePointer<UInt8>>, WordScanner) -> Void)? = nil
    ) -> [Int32] {
        var splitter = PieceSplitter(parts.preTokenizer)
        if addSpecial { for token in parts.prefix { encoder.output.append(token) } }
        if let start = bytes.baseAddress {
            forEachPart(of: start..<start + bytes.count, parts.specialTokens, parseSpecial, encoder) { range in
                let text = UnsafeBufferPointer(start: range.lowerBound, count: range.count)
                let isFirst = range.lowerBound == start
                guard let changed = parts.normalizer.normalized(text, isFirst: isFirst) else {
                    return encodeNormalized(range, isFirst, parseSpecial, encoder, &splitter, scan)
                }
                changed.withUnsafeBufferPointer { changed in
                    guard let base = changed.baseAddress else { return }
                    encodeNormalized(base..<base + changed.count, isFirst, parseSpecial, encoder, &splitter, scan)
                }
            }
        }
        if addSpecial { for token in parts.suffix { encoder.output.append(token) } }
        return encoder.output.array
    }

    /// Appends the tokens that are matched in a text and calls `body` for what lies between.
    private func forEachPart(
        of text: Range<UnsafePointer<UInt8>>, _ tokens: SpecialTokens, _ parseSpecial: Bool, _ encoder: some PieceEncoder,
        _ body: (Range<UnsafePointer<UInt8>>) -> Void
    ) {
        var p = text.lowerBound, searched = p
        // A token of white space is found in the space that the one before it took, too.
        while let match = tokens.find(from: searched, after: p, in: text.lowerBound, text.upperBound, parsingSpecial: parseSpecial) {
            if p < match.range.lowerBound { body(p..<match.range.lowerBound) }
            encoder.output.append(match.id)
            (p, searched) = (match.range.upperBound, match.end)
        }
        if p < text.upperBound { body(p..<text.upperBound) }
    }

    private func encodeNormalized(
        _ text: Range<UnsafePointer<UInt8>>, _ isFirst: Bool, _ parseSpecial: Bool, _ encoder: some PieceEncoder, _ splitter: inout PieceSplitter,
        _ scan: ((Range<UnsafePointer<UInt8>>, WordScanner) -> Void)?
    ) {
        // Escaping closures cannot hold an inout parameter.
        var local = splitter
        forEachPart(of: text, parts.normalizedTokens, parseSpecial, encoder) { range in
            if let scan, let scanner = local.onlyScanner, !parts.preTokenizer.addsPrefixSpace || range.lowerBound[0] == 0x20 {
                return scan(range, scanner)
            }
            local.forEachPiece(of: range, isFirst: isFirst && range.lowerBound == text.lowerBound) { encoder.encode($0, readableEnd: $1) }
        }
        splitter = local
    }
}
